// Asks Istio's own analyzers about files, one mesh a file.
//
//	istio_judge [-n NAMESPACE] FILE ...
//
// prints one line of JSON for each file: {"file", "findings": [{"code", "level", "kind", "namespace", "name", "line",
// "field_line", "message"}], "problem"}. Unlike `istioctl analyze --use-kube=false` it looks at what is known of a running
// cluster only (Services, Pods, Namespaces, Secrets) as well, where a file has it: without these most analyzers do not run.
// As istioctl does, it takes an ingress gateway for granted. With -n, objects that name no namespace are in that one, and what
// is found in others is left out.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/resource"
	"istio.io/istio/pkg/log"
)

type finding struct {
	Code      string `json:"code"`
	Level     string `json:"level"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Line      int    `json:"line"`       // where the object begins
	FieldLine int    `json:"field_line"` // of the field; 0 where Istio does not say it
	Message   string `json:"message"`
}

type verdict struct {
	File     string    `json:"file"`
	Findings []finding `json:"findings"`
	Problem  string    `json:"problem,omitempty"`
}

func toFinding(message diag.Message) finding {
	f := finding{
		Code: message.Type.Code(), Level: message.Type.Level().String(), FieldLine: message.Line,
		Message: fmt.Sprintf(message.Type.Template(), message.Parameters...),
	}
	if message.Resource == nil {
		return f
	}
	f.Kind, _, _ = strings.Cut(message.Resource.Origin.FriendlyName(), " ")
	f.Namespace = message.Resource.Metadata.FullName.Namespace.String()
	f.Name = message.Resource.Metadata.FullName.Name.String()
	if reference := message.Resource.Origin.Reference(); reference != nil {
		place := reference.String()
		f.Line, _ = strconv.Atoi(place[strings.LastIndexByte(place, ':')+1:])
	}
	return f
}

func analyze(file, namespace string) (v verdict) {
	v.File = file
	v.Findings = []finding{}
	defer func() {
		if r := recover(); r != nil {
			v.Problem = fmt.Sprint("panic: ", r)
		}
	}()
	in, err := os.Open(file)
	if err != nil {
		v.Problem = err.Error()
		return v
	}
	defer in.Close()
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), resource.Namespace(namespace), "istio-system", nil)
	if err := analyzer.AddTestReaderKubeSource([]local.ReaderSource{{Name: file, Reader: in}}); err != nil {
		v.Problem = err.Error()
	}
	// After the file: what the first source may hold is decided by it.
	if err := analyzer.AddDefaultResources(); err != nil {
		v.Problem = err.Error()
		return v
	}
	cancel := make(chan struct{})
	defer close(cancel)
	result, err := analyzer.Analyze(cancel)
	if err != nil {
		v.Problem = err.Error()
		return v
	}
	seen := map[string]bool{}
	for _, messages := range result.MappedMessages {
		for _, message := range messages {
			f := toFinding(message)
			if key := fmt.Sprint(f); !seen[key] {
				seen[key] = true
				v.Findings = append(v.Findings, f)
			}
		}
	}
	return v
}

func main() {
	for _, s := range log.Scopes() {
		s.SetOutputLevel(log.NoneLevel)
	}
	out := json.NewEncoder(os.Stdout)
	namespace := flag.String("n", "", "the namespace of objects that name none")
	flag.Parse()
	for _, file := range flag.Args() {
		if err := out.Encode(analyze(file, *namespace)); err != nil {
			fmt.Fprintln(os.Stderr, "istio_judge:", err)
			os.Exit(1)
		}
	}
}
