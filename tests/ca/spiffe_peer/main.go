// Command spiffe_peer judges our certificates as go-spiffe does.
//
//	spiffe_peer verify CHAIN.pem BUNDLE.pem TRUST_DOMAIN          prints the SPIFFE id
//	spiffe_peer connect ADDRESS CHAIN.pem KEY.pem BUNDLE.pem ID   a mutual TLS connection to a server that
//	                                                              must be ID; prints version, group and answer
//	spiffe_peer workload unix:PATH AUDIENCE                       asks a Workload API for everything, and uses it
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"

	"github.com/spiffe/go-spiffe/v2/bundle/x509bundle"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	switch {
	case len(os.Args) == 5 && os.Args[1] == "verify":
		bundle, err := x509bundle.Load(spiffeid.RequireTrustDomainFromString(os.Args[4]), os.Args[3])
		check(err)
		chain, err := os.ReadFile(os.Args[2])
		check(err)
		id, _, err := x509svid.ParseAndVerify(ders(chain), bundle)
		check(err)
		fmt.Println(id)
	case len(os.Args) == 7 && os.Args[1] == "connect":
		svid, err := x509svid.Load(os.Args[3], os.Args[4])
		check(err)
		bundle, err := x509bundle.Load(svid.ID.TrustDomain(), os.Args[5])
		check(err)
		config := tlsconfig.MTLSClientConfig(svid, bundle, tlsconfig.AuthorizeID(spiffeid.RequireFromString(os.Args[6])))
		conn, err := tls.Dial("tcp", os.Args[2], config)
		check(err)
		state := conn.ConnectionState()
		answer, err := io.ReadAll(conn)
		check(err)
		fmt.Println(tls.VersionName(state.Version), state.CurveID, string(answer))
	case len(os.Args) == 4 && os.Args[1] == "workload":
		workload(os.Args[2], os.Args[3])
	default:
		fmt.Fprintln(os.Stderr, "usage: spiffe_peer verify|connect|workload ...")
		os.Exit(64)
	}
}
