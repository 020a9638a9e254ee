// Command api_server_peer is the part of kube-apiserver that serves CustomResourceDefinitions and the objects they define
// (k8s.io/apiextensions-apiserver), over a real etcd.
//
// It says `port N` once it is ready: plain HTTP on 127.0.0.1, everybody may do everything, there are no admission plugins and
// namespaces need not exist. What it stores is gone when it ends. It ends with its input.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	noop "go.opentelemetry.io/otel/trace/noop"
	"k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	definitions "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/openapi"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
)

// Webhooks that convert between versions: there are none.
type noServices struct{}

func (noServices) ResolveEndpoint(namespace, name string, _ int32) (*url.URL, error) {
	return nil, fmt.Errorf("there is no service %s/%s", namespace, name)
}

// startEtcd gives the address of an etcd that keeps its data in the working directory and dies with us; when it ends by itself,
// the channel says why.
func startEtcd(failed chan<- error) (string, error) {
	// Sockets beside its data: etcd takes their names for hosts with ports.
	const address, peers = "unix://clients:1", "unix://peers:1"
	log, err := os.Create("etcd.log")
	if err != nil {
		return "", err
	}
	defer log.Close()
	etcd := exec.Command("etcd", "--data-dir", "data",
		"--listen-client-urls", address, "--advertise-client-urls", address,
		"--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers)
	etcd.Stdout, etcd.Stderr = log, log
	etcd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := etcd.Start(); err != nil {
		return "", err
	}
	go func() {
		err := etcd.Wait()
		text, _ := os.ReadFile("etcd.log")
		failed <- fmt.Errorf("etcd ended: %v\n%s", err, text)
	}()
	return address, nil
}

func configure(etcd string) (*apiserver.Config, error) {
	own, err := net.Listen("tcp", "127.0.0.1:0") // TLS, for its own informers
	if err != nil {
		return nil, err
	}
	o := options.NewCustomResourceDefinitionsServerOptions(io.Discard, io.Discard)
	recommended := o.RecommendedOptions
	recommended.Etcd.StorageConfig.Transport.ServerList = []string{etcd}
	recommended.SecureServing.BindAddress = net.IPv4(127, 0, 0, 1)
	recommended.SecureServing.Listener = own
	recommended.SecureServing.BindPort = own.Addr().(*net.TCPAddr).Port
	recommended.SecureServing.ServerCert.CertDirectory = "" // a certificate in memory
	recommended.Authentication, recommended.Authorization = nil, nil
	recommended.CoreAPI, recommended.Admission = nil, nil
	recommended.Features.EnablePriorityAndFairness = false
	if err := recommended.SecureServing.MaybeDefaultWithSelfSignedCerts("localhost", nil, []net.IP{net.IPv4(127, 0, 0, 1)}); err != nil {
		return nil, err
	}
	if err := o.Complete(); err != nil {
		return nil, err
	}
	generic := server.NewRecommendedConfig(apiserver.Codecs)
	if err := o.ServerRunOptions.ApplyTo(&generic.Config); err != nil {
		return nil, err
	}
	if err := recommended.ApplyTo(generic); err != nil {
		return nil, err
	}
	if err := o.APIEnablement.ApplyTo(&generic.Config, apiserver.DefaultAPIResourceConfigSource(), apiserver.Scheme); err != nil {
		return nil, err
	}
	known := openapi.GetOpenAPIDefinitionsWithoutDisabledFeatures(definitions.GetOpenAPIDefinitions)
	namer := openapinamer.NewDefinitionNamer(apiserver.Scheme, scheme.Scheme)
	generic.OpenAPIConfig = server.DefaultOpenAPIConfig(known, namer)
	generic.OpenAPIV3Config = server.DefaultOpenAPIV3Config(known, namer)
	generic.OpenAPIConfig.Info.Title = "api_server_peer"
	generic.OpenAPIV3Config.Info.Title = "api_server_peer"
	return &apiserver.Config{
		GenericConfig: generic,
		ExtraConfig: apiserver.ExtraConfig{
			CRDRESTOptionsGetter: options.NewCRDRESTOptionsGetter(*recommended.Etcd, generic.ResourceTransformers, generic.StorageObjectCountTracker),
			ServiceResolver:      noServices{},
			AuthResolverWrapper:  webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, generic.LoopbackClientConfig, noop.NewTracerProvider()),
			MasterCount:          1,
		},
	}, nil
}

// ready waits until the server knows its own definitions, as others ask it.
func ready(handler string) error {
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		response, err := http.Get(handler + "/readyz")
		if err != nil {
			return err
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("not ready within a minute")
}

func run() error {
	failed := make(chan error, 4)
	etcd, err := startEtcd(failed)
	if err != nil {
		return err
	}
	config, err := configure(etcd)
	if err != nil {
		return err
	}
	s, err := config.Complete().New(server.NewEmptyDelegate())
	if err != nil {
		return err
	}
	prepared := s.GenericAPIServer.PrepareRun()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() { failed <- prepared.RunWithContext(ctx) }()
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	// In a whole kube-apiserver the list of groups is another part's; kubectl asks for it first.
	all := http.NewServeMux()
	all.Handle("/", prepared.Handler)
	all.Handle("/apis", s.GenericAPIServer.AggregatedDiscoveryGroupManager)
	go func() { failed <- http.Serve(listen, all) }()
	go func() {
		if err := ready("http://" + listen.Addr().String()); err != nil {
			failed <- err
			return
		}
		fmt.Println("port", listen.Addr().(*net.TCPAddr).Port)
	}()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		failed <- err
	}()
	return <-failed
}

func main() {
	klog.SetLogger(logr.Discard())
	// The thread that starts etcd has to stay, or the kernel takes it for our death.
	runtime.LockOSThread()
	memory := "/dev/shm" // where there is one: etcd waits for its disk at every write
	if _, err := os.Stat(memory); err != nil {
		memory = ""
	}
	folder, err := os.MkdirTemp(memory, "api_server_peer")
	if err == nil {
		err = os.Chdir(folder)
	}
	if err == nil {
		err = run()
	}
	os.RemoveAll(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, "api_server_peer:", err)
		os.Exit(1)
	}
}
