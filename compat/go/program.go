// The AWS SDK for Go v2, as its users have it: `go run . <scenario>...`
//
// Each line of output is the result of one scenario, in JSON. Nothing is set in the client: endpoint, region and
// credentials come from the environment, as they would in anybody's program.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	smithy "github.com/aws/smithy-go/middleware"
)

var ctx = context.Background()

// called are the operations that were answered well since the last look.
var called = map[string]bool{}

type result struct {
	Scenario   string   `json:"scenario"`
	Passed     bool     `json:"passed"`
	Error      string   `json:"error,omitempty"`
	Operations []string `json:"operations"`
}

func main() {
	for _, name := range os.Args[1:] {
		clear(called)
		line, err := json.Marshal(run(name))
		must(err)
		fmt.Println(string(line))
	}
}

// run answers what came of a scenario; one fails by a panic, its own or the runtime's.
func run(name string) (outcome result) {
	defer func() {
		if failure := recover(); failure != nil {
			outcome = result{Scenario: name, Error: fmt.Sprintf("%v\n%s", failure, debug.Stack()), Operations: []string{}}
		}
	}()
	scenarios[name]()
	operations := []string{}
	for operation := range called {
		operations = append(operations, operation)
	}
	slices.Sort(operations)
	return result{Scenario: name, Passed: true, Operations: operations}
}

// client is the SDK's own, which notes what was answered well.
func client(load []func(*config.LoadOptions) error, options ...func(*kinesis.Options)) *kinesis.Client {
	settings, err := config.LoadDefaultConfig(ctx, load...)
	must(err)
	note := smithy.InitializeMiddlewareFunc("calledOperations",
		func(ctx context.Context, in smithy.InitializeInput, next smithy.InitializeHandler) (smithy.InitializeOutput, smithy.Metadata, error) {
			out, metadata, err := next.HandleInitialize(ctx, in)
			if err == nil {
				called[middleware.GetOperationName(ctx)] = true
			}
			return out, metadata, err
		})
	settings.APIOptions = append(settings.APIOptions, func(stack *smithy.Stack) error {
		return stack.Initialize.Add(note, smithy.After)
	})
	return kinesis.NewFromConfig(settings, options...)
}

// control asks Millrace's own controls, as a tester does with curl.
func control(path string, body any) {
	text, err := json.Marshal(body)
	must(err)
	answer, err := http.Post(os.Getenv("AWS_ENDPOINT_URL")+"/_millrace/"+path, "application/json", bytes.NewReader(text))
	must(err)
	defer answer.Body.Close()
	ensure(answer.StatusCode < 300, "%s answered %s", path, answer.Status)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ensure(holds bool, format string, values ...any) {
	if !holds {
		panic(fmt.Sprintf(format, values...))
	}
}
