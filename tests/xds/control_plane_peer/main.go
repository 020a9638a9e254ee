// Command control_plane_peer is go-control-plane's ADS server behind standard input and output.
//
// Input: a line of JSON for each snapshot that every proxy is to have from then on,
//
//	{"version": "1", "listeners": [...], "routes": [...], "clusters": [...], "endpoints": [...]}
//
// with resources in protobuf's JSON form. Output: `port N`, and then a line of JSON for each snapshot taken
// and each request that a proxy sends:
//
//	{"event": "snapshot", "version": "1", "error": ""}
//	{"event": "request", "type": "Listener", "version": "1", "nonce": "3", "names": [], "error": ""}
//
// It ends with its input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"

	cluster "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpoint "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listener "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	// The types that a listener's configuration is packed in.
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// One key for all proxies.
type everyone struct{}

func (everyone) ID(*core.Node) string { return "everyone" }

type input struct {
	Version   string            `json:"version"`
	Listeners []json.RawMessage `json:"listeners"`
	Routes    []json.RawMessage `json:"routes"`
	Clusters  []json.RawMessage `json:"clusters"`
	Endpoints []json.RawMessage `json:"endpoints"`
}

func parse(texts []json.RawMessage, empty func() types.Resource) ([]types.Resource, error) {
	resources := []types.Resource{}
	for _, text := range texts {
		r := empty()
		if err := protojson.Unmarshal(text, r); err != nil {
			return nil, err
		}
		resources = append(resources, r)
	}
	return resources, nil
}

func snapshot(line []byte) (string, *cache.Snapshot, error) {
	var in input
	if err := json.Unmarshal(line, &in); err != nil {
		return "", nil, err
	}
	all := map[resource.Type][]types.Resource{}
	for _, kind := range []struct {
		url   resource.Type
		texts []json.RawMessage
		empty func() types.Resource
	}{
		{resource.ListenerType, in.Listeners, func() types.Resource { return &listener.Listener{} }},
		{resource.RouteType, in.Routes, func() types.Resource { return &route.RouteConfiguration{} }},
		{resource.ClusterType, in.Clusters, func() types.Resource { return &cluster.Cluster{} }},
		{resource.EndpointType, in.Endpoints, func() types.Resource { return &endpoint.ClusterLoadAssignment{} }},
	} {
		resources, err := parse(kind.texts, kind.empty)
		if err != nil {
			return in.Version, nil, err
		}
		all[kind.url] = resources
	}
	s, err := cache.NewSnapshot(in.Version, all)
	if err == nil {
		err = s.Consistent()
	}
	return in.Version, s, err
}

var output sync.Mutex

func say(event map[string]any) {
	output.Lock()
	defer output.Unlock()
	line, _ := json.Marshal(event)
	fmt.Println(string(line))
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func main() {
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(true, everyone{}, nil)
	ads := server.NewServer(ctx, snapshots, server.CallbackFuncs{
		StreamRequestFunc: func(_ int64, r *discovery.DiscoveryRequest) error {
			names := r.GetResourceNames()
			if names == nil {
				names = []string{}
			}
			say(map[string]any{
				"event":   "request",
				"type":    r.GetTypeUrl()[strings.LastIndex(r.GetTypeUrl(), ".")+1:],
				"version": r.GetVersionInfo(),
				"nonce":   r.GetResponseNonce(),
				"names":   names,
				"error":   r.GetErrorDetail().GetMessage(),
			})
			return nil
		},
	})
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	grpcServer := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, ads)
	go func() { _ = grpcServer.Serve(listen) }()
	fmt.Println("port", listen.Addr().(*net.TCPAddr).Port)

	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		version, s, err := snapshot(line)
		if err == nil {
			err = snapshots.SetSnapshot(ctx, "everyone", s)
		}
		say(map[string]any{"event": "snapshot", "version": version, "error": words(err)})
	}
}
