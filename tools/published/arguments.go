package main

import (
	"go/ast"
	"go/token"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// The packages in which each component declares its arguments.
var declaring = map[string][]string{
	"kube-apiserver": {
		"k8s.io/kubernetes/cmd/kube-apiserver/app/options",
		"k8s.io/kubernetes/pkg/controlplane/apiserver/options",
		"k8s.io/kubernetes/pkg/kubeapiserver/options",
		"k8s.io/apiserver/pkg/server/options",
		"k8s.io/apiserver/pkg/util/feature",
		"k8s.io/component-base/featuregate", "k8s.io/component-base/compatibility", "k8s.io/component-base/version/verflag",
		"k8s.io/component-base/cli/globalflag", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1",
		"k8s.io/component-base/metrics", "k8s.io/component-base/zpages/features",
	},
	"kube-controller-manager": {
		"k8s.io/kubernetes/cmd/kube-controller-manager/app/options",
		"k8s.io/cloud-provider/options", "k8s.io/controller-manager/options", "k8s.io/controller-manager/pkg/leadermigration/options",
		"k8s.io/apiserver/pkg/server/options", "k8s.io/component-base/config/options",
		"k8s.io/component-base/featuregate", "k8s.io/component-base/compatibility", "k8s.io/component-base/version/verflag",
		"k8s.io/component-base/cli/globalflag", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1",
		"k8s.io/component-base/metrics",
	},
	"kube-scheduler": {
		"k8s.io/kubernetes/cmd/kube-scheduler/app/options",
		"k8s.io/apiserver/pkg/server/options", "k8s.io/component-base/config/options",
		"k8s.io/component-base/featuregate", "k8s.io/component-base/compatibility", "k8s.io/component-base/version/verflag",
		"k8s.io/component-base/cli/globalflag", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1",
		"k8s.io/component-base/metrics",
	},
	"kubelet": {
		"k8s.io/kubernetes/cmd/kubelet/app/options", "k8s.io/kubernetes/pkg/kubelet/config",
		"k8s.io/component-base/version/verflag", "k8s.io/component-base/logs", "k8s.io/component-base/logs/api/v1",
	},
	"etcd": {"go.etcd.io/etcd/server/v3/embed", "go.etcd.io/etcd/server/v3/etcdmain"},
}

var declares = regexp.MustCompile(`^((Bool|Int|Int32|Int64|Uint|Uint32|Uint64|Float32|Float64|Duration|String|StringSlice|StringArray|StringToString|IP|IPNet|IPSlice|IntSlice|Count)?Var|(Bool|Int|Uint|Duration|String|Float64|Uint64)|(Bool|String|Int|Int32|Duration|Uint|)VarP?|BoolP|StringP)P?$`)
var argument = regexp.MustCompile(`^[a-z][a-z0-9]*([.-][a-z0-9]+)*$`)

// Packages whose own small functions declare arguments of the same shape in several components: only these files count.
var only = map[string]map[string][]string{
	"kube-apiserver": {"k8s.io/apiserver/pkg/server/options": {
		"admission.go", "api_enablement.go", "audit.go", "authentication.go", "coreapi.go", "deprecated_insecure_serving.go", "egress_selector.go",
		"encryptionconfig/config.go", "etcd.go", "feature.go", "recommended.go", "server_run_options.go", "serving.go",
		"serving_with_loopback.go", "tracing.go",
	}},
	"kube-controller-manager": {"k8s.io/apiserver/pkg/server/options": {"serving.go", "serving_with_loopback.go", "authentication.go", "authorization.go", "deprecated_insecure_serving.go"}},
	"kube-scheduler":          {"k8s.io/apiserver/pkg/server/options": {"serving.go", "serving_with_loopback.go", "authentication.go", "authorization.go", "deprecated_insecure_serving.go"}},
}

// Arguments whose names are put together, or that are declared in passing: every component's, and those of some.
var everywhere = []string{"help", "v", "version", "vmodule"}
var klog = []string{
	"add-dir-header", "alsologtostderr", "log-backtrace-at", "log-dir", "log-file", "log-file-max-size", "logtostderr",
	"one-output", "skip-headers", "skip-log-headers", "stderrthreshold",
}
var composed = map[string][]string{
	"kube-apiserver": append(
		[]string{"default-not-ready-toleration-seconds", "default-unreachable-toleration-seconds"}, audit("log", "webhook")...,
	),
}

// What a file declares for other servers.
var elsewhere = map[string][]string{
	"kube-apiserver": {"authentication-kubeconfig", "authentication-skip-lookup", "authentication-tolerate-lookup-failure"},
}

// k8s.io/apiserver/pkg/server/options/audit.go
func audit(backends ...string) (names []string) {
	for _, backend := range backends {
		for _, rest := range []string{
			"mode", "batch-buffer-size", "batch-max-size", "batch-max-wait", "batch-throttle-burst", "batch-throttle-enable",
			"batch-throttle-qps", "truncate-enabled", "truncate-max-batch-size", "truncate-max-event-size",
		} {
			names = append(names, "audit-"+backend+"-"+rest)
		}
	}
	return names
}

func arguments(s *sources) map[string][]string {
	out := map[string][]string{}
	for component, paths := range declaring {
		found := map[string]bool{}
		for _, path := range paths {
			loaded, ok := s.exists(path)
			if !ok {
				continue
			}
			for name, file := range loaded.files {
				if files, limited := only[component][path]; limited && !ends(name, files) {
					continue
				}
				ast.Inspect(file, func(node ast.Node) bool {
					if name := s.declared(loaded, file, node); name != "" {
						found[name] = true
					}
					return true
				})
			}
		}
		known := composed[component]
		if component != "etcd" {
			known = append(known, everywhere...)
			// klog's own went with 1.26 (KEP 2845).
			if minor, _ := strconv.Atoi(strings.Split(s.version, ".")[1]); minor < 26 {
				known = append(known, klog...)
			}
		}
		for _, name := range known {
			found[name] = true
		}
		for _, name := range elsewhere[component] {
			delete(found, name)
		}
		for name := range found {
			out[component] = append(out[component], name)
		}
		sort.Strings(out[component])
	}
	return out
}

func ends(name string, files []string) bool {
	for _, file := range files {
		if strings.HasSuffix(name, "/"+file) {
			return true
		}
	}
	return false
}

func (s *sources) declared(in *pkg, file *ast.File, node ast.Node) string {
	call, ok := node.(*ast.CallExpr)
	if !ok {
		return ""
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !declares.MatchString(selector.Sel.Name) {
		return ""
	}
	for i, value := range call.Args {
		if i > 1 {
			break
		}
		if name := s.text(in, file, value); argument.MatchString(name) && len(call.Args) >= 3 {
			return name
		}
	}
	return ""
}

// The text of a literal or of a constant.
func (s *sources) text(in *pkg, file *ast.File, expression ast.Expr) string {
	switch kind := expression.(type) {
	case *ast.BasicLit:
		if kind.Kind == token.STRING {
			text, _ := strconv.Unquote(kind.Value)
			return text
		}
	case *ast.Ident:
		return in.consts[kind.Name]
	case *ast.SelectorExpr:
		if name, ok := kind.X.(*ast.Ident); ok {
			if path := imported(file, name.Name); strings.HasPrefix(path, "k8s.io/") {
				if loaded, ok := s.exists(path); ok {
					return loaded.consts[kind.Sel.Name]
				}
			}
		}
	}
	return ""
}
