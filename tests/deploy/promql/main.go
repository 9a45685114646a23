// Reads queries as Prometheus does, with its own parser, and rule files as `promtool check rules`
// does, with the package that it is made of (promtool itself brings every cloud's client with it).
//
//	promql [RULES.yaml...] < QUERIES
//
// QUERIES is a JSON list of texts. Printed is a list of what each asks for; wrong rules end it with 1.
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

type asked struct {
	Metrics []string `json:"metrics"`
	Labels  []string `json:"labels"`
	Error   string   `json:"error"`
}

func read(p parser.Parser, query string) asked {
	found := asked{Metrics: []string{}, Labels: []string{}}
	expr, err := p.ParseExpr(query)
	if err != nil {
		found.Error = err.Error()
		return found
	}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch one := node.(type) {
		case *parser.VectorSelector:
			found.Metrics = append(found.Metrics, one.Name)
			for _, matcher := range one.LabelMatchers {
				if matcher.Name != model.MetricNameLabel {
					found.Labels = append(found.Labels, matcher.Name)
				}
			}
		case *parser.AggregateExpr:
			found.Labels = append(found.Labels, one.Grouping...)
		case *parser.BinaryExpr:
			if one.VectorMatching != nil {
				found.Labels = append(found.Labels, one.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	return found
}

func main() {
	p := parser.NewParser(parser.Options{})
	for _, file := range os.Args[1:] {
		_, errs := rulefmt.ParseFile(file, false, model.UTF8Validation, p, slog.Default())
		for _, err := range errs {
			fmt.Fprintln(os.Stderr, err)
		}
		if errs != nil {
			os.Exit(1)
		}
	}
	var queries []string
	if err := json.NewDecoder(os.Stdin).Decode(&queries); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	found := []asked{}
	for _, query := range queries {
		found = append(found, read(p, query))
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(1)
	}
}
