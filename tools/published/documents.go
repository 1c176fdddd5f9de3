package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strconv"
	"strings"
)

type pkg struct {
	types   map[string]ast.Expr
	consts  map[string]string
	imports map[ast.Node]map[string]string
	files   map[string]*ast.File
	origin  map[string]*ast.File
}

type sources struct {
	cache, version, etcd string
	packages             map[string]*pkg
}

// Types whose JSON is not what their Go fields say.
var scalars = map[string]string{
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":                                 "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":                                     "time",
	"k8s.io/apimachinery/pkg/api/resource.Quantity":                                 "quantity",
	"k8s.io/component-base/logs/api/v1.TimeOrMetaDuration":                          "duration",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/bootstraptoken/v1.BootstrapTokenString": "string",
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/v1beta2.BootstrapTokenString":   "string",
	"time.Duration": "duration",
}

func (s *sources) load(path string) *pkg {
	if found, ok := s.packages[path]; ok {
		return found
	}
	made := &pkg{types: map[string]ast.Expr{}, consts: map[string]string{}, files: map[string]*ast.File{}, origin: map[string]*ast.File{}}
	s.packages[path] = made
	folder := s.folder(path)
	if folder == "" {
		return made
	}
	parsed, err := parser.ParseDir(token.NewFileSet(), folder, func(info fs.FileInfo) bool {
		return !strings.HasSuffix(info.Name(), "_test.go") && !strings.HasSuffix(info.Name(), "_windows.go")
	}, 0)
	if err != nil {
		fail("%s: %v", path, err)
	}
	for _, each := range parsed {
		for name, file := range each.Files {
			made.files[name] = file
			for _, declaration := range file.Decls {
				general, ok := declaration.(*ast.GenDecl)
				if !ok {
					continue
				}
				for _, spec := range general.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						made.types[spec.Name.Name] = spec.Type
						made.origin[spec.Name.Name] = file
					case *ast.ValueSpec:
						for i, constant := range spec.Names {
							if i < len(spec.Values) {
								if literal, ok := spec.Values[i].(*ast.BasicLit); ok && literal.Kind == token.STRING {
									made.consts[constant.Name], _ = strconv.Unquote(literal.Value)
								}
							}
						}
					}
				}
			}
		}
	}
	return made
}

// The path of the package that a file imports under a name.
func imported(file *ast.File, name string) string {
	for _, each := range file.Imports {
		path, _ := strconv.Unquote(each.Path.Value)
		if each.Name != nil && each.Name.Name == name {
			return path
		}
		if each.Name == nil && path[strings.LastIndex(path, "/")+1:] == name {
			return path
		}
	}
	return ""
}

func (s *sources) named(path, name string) any {
	if scalar, ok := scalars[path+"."+name]; ok {
		return scalar
	}
	loaded := s.load(path)
	expression, ok := loaded.types[name]
	if !ok {
		return "any"
	}
	return s.describe(path, loaded.origin[name], expression)
}

func (s *sources) describe(path string, file *ast.File, expression ast.Expr) any {
	switch kind := expression.(type) {
	case *ast.StarExpr:
		return s.describe(path, file, kind.X)
	case *ast.SelectorExpr:
		return s.named(imported(file, kind.X.(*ast.Ident).Name), kind.Sel.Name)
	case *ast.ArrayType:
		if element, ok := kind.Elt.(*ast.Ident); ok && element.Name == "byte" {
			return "string"
		}
		return []any{s.describe(path, file, kind.Elt)}
	case *ast.MapType:
		return map[string]any{"<name>": s.describe(path, file, kind.Value)}
	case *ast.StructType:
		return s.fields(path, file, kind)
	case *ast.Ident:
		switch kind.Name {
		case "bool", "string":
			return kind.Name
		case "float32", "float64":
			return "float"
		case "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64":
			return "int"
		}
		return s.named(path, kind.Name)
	}
	return "any"
}

func (s *sources) fields(path string, file *ast.File, structure *ast.StructType) map[string]any {
	found := map[string]any{}
	for _, field := range structure.Fields.List {
		tag := ""
		if field.Tag != nil {
			text, _ := strconv.Unquote(field.Tag.Value)
			tag = reflect.StructTag(text).Get("json")
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "-" || len(field.Names) == 1 && !field.Names[0].IsExported() {
			continue
		}
		described := s.describe(path, file, field.Type)
		inner, isFields := described.(map[string]any)
		switch {
		case name != "":
			found[name] = described
		case isFields && (len(field.Names) == 0 || strings.Contains(options, "inline")):
			for key, value := range inner {
				found[key] = value
			}
		case len(field.Names) == 1:
			found[field.Names[0].Name] = described
		}
	}
	return found
}

func documents(s *sources, api string) map[string]any {
	kubeadm := "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/" + api
	etcd := s.named("go.etcd.io/etcd/server/v3/embed", "configYAML").(map[string]any)
	// Fields without a tag are not for people.
	for name := range etcd {
		if name == "" || name[0] >= 'A' && name[0] <= 'Z' {
			delete(etcd, name)
		}
	}
	return map[string]any{
		"InitConfiguration":      s.named(kubeadm, "InitConfiguration"),
		"ClusterConfiguration":   s.named(kubeadm, "ClusterConfiguration"),
		"JoinConfiguration":      s.named(kubeadm, "JoinConfiguration"),
		"KubeletConfiguration":   s.named("k8s.io/kubelet/config/v1beta1", "KubeletConfiguration"),
		"KubeProxyConfiguration": s.named("k8s.io/kube-proxy/config/v1alpha1", "KubeProxyConfiguration"),
		"etcd":                   etcd,
	}
}
