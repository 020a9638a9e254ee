package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"github.com/spiffe/go-spiffe/v2/spiffetls/tlsconfig"
	"github.com/spiffe/go-spiffe/v2/svid/jwtsvid"
	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

// workload asks the Workload API behind a socket for all that it has, verifies the one by the other, and makes a
// mutual TLS call with it.
func workload(address, audience string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(address))
	check(err)
	defer client.Close()

	svids, err := client.FetchX509Context(ctx)
	check(err)
	svid := svids.DefaultSVID()
	roots, err := client.FetchX509Bundles(ctx)
	check(err)
	id, _, err := x509svid.Verify(svid.Certificates, roots)
	check(err)
	fmt.Println("x509", id, len(roots.Bundles()))

	token, err := client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience})
	check(err)
	keys, err := client.FetchJWTBundles(ctx)
	check(err)
	here, err := jwtsvid.ParseAndValidate(token.Marshal(), keys, []string{audience})
	check(err)
	there, err := client.ValidateJWTSVID(ctx, token.Marshal(), audience)
	check(err)
	fmt.Println("jwt", here.ID, there.ID, here.Audience, there.Claims["sub"], here.Expiry.Sub(time.Now()) <= 5*time.Minute)

	_, err = client.ValidateJWTSVID(ctx, token.Marshal(), "someone else")
	fmt.Println("another audience:", err)
	_, err = client.FetchJWTSVID(ctx, jwtsvid.Params{Audience: audience, Subject: spiffeid.RequireFromString("spiffe://cluster.local/ns/default/sa/admin")})
	fmt.Println("another name:", err)

	source, err := workloadapi.NewX509Source(ctx, workloadapi.WithClient(client))
	check(err)
	defer source.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := &http.Server{
		TLSConfig: tlsconfig.MTLSServerConfig(source, source, tlsconfig.AuthorizeID(id)),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			caller, err := x509svid.IDFromCert(r.TLS.PeerCertificates[0])
			check(err)
			fmt.Fprintln(w, "hello", caller)
		}),
	}
	go server.ServeTLS(listener, "", "")
	transport := &http.Transport{TLSClientConfig: tlsconfig.MTLSClientConfig(source, source, tlsconfig.AuthorizeID(id))}
	answer, err := (&http.Client{Transport: transport}).Get("https://" + listener.Addr().String())
	check(err)
	text, err := io.ReadAll(answer.Body)
	check(err)
	fmt.Print(string(text))
}
