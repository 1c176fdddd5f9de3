// Prints, as JSON, what a release of Kubernetes publishes in its sources: the fields of the configuration documents of
// kubeadm, kubelet, kube-proxy and etcd, the arguments of the components, and the feature gates. Sources are read, not
// compiled: they lie in the module cache (see fetch.sh beside this file).
//
//	go run . -cache "$(go env GOMODCACHE)" -version 1.36.4 -etcd 3.6.8 -kubeadm v1beta4
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
)

func main() {
	cache := flag.String("cache", "", "the module cache")
	version := flag.String("version", "", "version of Kubernetes")
	etcd := flag.String("etcd", "", "version of etcd")
	kubeadm := flag.String("kubeadm", "v1beta4", "version of kubeadm's API")
	flag.Parse()
	sources := &sources{cache: *cache, version: *version, etcd: *etcd, packages: map[string]*pkg{}}
	write("documents", documents(sources, *kubeadm), "{\n")
	write("arguments", arguments(sources), ",\n")
	write("feature_gates", gates(sources), ",\n")
	fmt.Println("\n}")
}

// One line for each entry, in order, so that what changes between releases can be read.
func write[T any](section string, entries map[string]T, before string) {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	sort.Strings(names)
	lines := make([]string, 0, len(entries))
	for _, name := range names {
		text, err := json.Marshal(entries[name])
		if err != nil {
			fail("%v", err)
		}
		lines = append(lines, fmt.Sprintf("  %q: %s", name, text))
	}
	fmt.Printf("%s %q: {\n%s\n }", before, section, strings.Join(lines, ",\n"))
}

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}

const server = "go.etcd.io/etcd/server/v3/"

// The folder of a package in the module cache.
func (s *sources) folder(path string) string {
	staging := "v0" + strings.TrimPrefix(s.version, "1")
	switch parts := strings.SplitN(path, "/", 3); {
	case strings.HasPrefix(path, "k8s.io/kubernetes/"):
		return s.cache + "/k8s.io/kubernetes@v" + s.version + "/" + parts[2]
	case strings.HasPrefix(path, "k8s.io/"):
		folder := s.cache + "/" + parts[0] + "/" + parts[1] + "@" + staging
		if len(parts) > 2 {
			folder += "/" + parts[2]
		}
		return folder
	case strings.HasPrefix(path, server) && strings.HasPrefix(s.etcd, "0.5."):
		// 3.4 was one module, known to Kubernetes by a version of its own.
		return s.cache + "/go.etcd.io/etcd@v" + s.etcd + "/" + strings.TrimPrefix(path, server)
	case strings.HasPrefix(path, server):
		return s.cache + "/" + strings.TrimSuffix(server, "/") + "@v" + s.etcd + "/" + strings.TrimPrefix(path, server)
	}
	return ""
}
