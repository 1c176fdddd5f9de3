package main

import (
	"go/ast"
	"os"
	"strconv"
)

// A package that a release may not have.
func (s *sources) exists(path string) (*pkg, bool) {
	if info, err := os.Stat(s.folder(path)); err != nil || !info.IsDir() {
		return nil, false
	}
	return s.load(path), true
}

type gate struct {
	Default bool `json:"default"`
	Locked  bool `json:"locked"`
}

// Feature gates by name, as they are in this release: of a gate with a history the last entry counts.
func gates(s *sources) map[string]gate {
	found := map[string]gate{}
	paths := []string{"k8s.io/kubernetes/pkg/features", "k8s.io/apiserver/pkg/features", "k8s.io/component-base/logs/api/v1"}
	for _, path := range append(paths, "k8s.io/component-base/metrics/features", "k8s.io/component-base/zpages/features", "k8s.io/controller-manager/pkg/features", "k8s.io/apiextensions-apiserver/pkg/features") {
		loaded, ok := s.exists(path)
		if !ok {
			continue
		}
		for _, file := range loaded.files {
			ast.Inspect(file, func(node ast.Node) bool {
				if pair, ok := node.(*ast.KeyValueExpr); ok {
					if spec, ok := pair.Value.(*ast.CompositeLit); ok {
						if name := s.gate(loaded, file, pair.Key); name != "" {
							if made, ok := specification(spec); ok {
								found[name] = made
							}
						}
					}
				}
				return true
			})
		}
	}
	return found
}

func (s *sources) gate(in *pkg, file *ast.File, key ast.Expr) string {
	name := s.text(in, file, key)
	if name == "" || name[0] < 'A' || name[0] > 'Z' {
		return ""
	}
	return name
}

// A FeatureSpec, or the last of several.
func specification(literal *ast.CompositeLit) (gate, bool) {
	made, known := gate{}, false
	for _, element := range literal.Elts {
		switch element := element.(type) {
		case *ast.CompositeLit:
			if inner, ok := specification(element); ok {
				made, known = inner, true
			}
		case *ast.KeyValueExpr:
			name, ok := element.Key.(*ast.Ident)
			if !ok {
				continue
			}
			value, isIdent := element.Value.(*ast.Ident)
			switch name.Name {
			case "Default", "LockToDefault":
				if isIdent {
					truth, err := strconv.ParseBool(value.Name)
					if err == nil && name.Name == "Default" {
						made.Default, known = truth, true
					} else if err == nil {
						made.Locked = truth
					}
				}
			}
		}
	}
	return made, known
}
