package main

import "encoding/pem"

// ders gives the contents of all PEM blocks.
func ders(text []byte) [][]byte {
	var out [][]byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		out = append(out, block.Bytes)
	}
	return out
}
