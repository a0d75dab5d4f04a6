// Checker reads a history from standard input, an operation a line of JSON, and says whether each
// object of it behaved as if its operations had happened one after the other, each at a moment
// between its call and its return. It prints one line of JSON; the exit code is 1 if one did not.
//
// An operation without an answer may have happened at any time after its call, or never: it stays
// open to the end of the history.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// operation is one line of a history. Times are nanoseconds of one clock.
type operation struct {
	Model  string  `json:"model"`
	Key    string  `json:"key"` // the object: each has a history of its own
	Client int     `json:"client"`
	Call   int64   `json:"call"`
	Return int64   `json:"return"`
	Input  input   `json:"input"`
	Output *output `json:"output"` // null if nobody knows the outcome
}

type object struct{ model, key string }

type verdict struct {
	Objects    map[string]int `json:"objects"`    // how many, by model
	Operations map[string]int `json:"operations"` // how many, by model
	Open       map[string]int `json:"open"`       // those without an answer
	Faults     []fault        `json:"faults"`
}

type fault struct {
	Model   string      `json:"model"`
	Key     string      `json:"key"`
	Problem string      `json:"problem"`
	History []operation `json:"history"`
}

func main() {
	limit := flag.Duration("limit", 30*time.Second, "how long to look for an order, for each object")
	flag.Parse()
	histories, err := read(bufio.NewReader(os.Stdin))
	if err != nil {
		fmt.Fprintln(os.Stderr, "checker:", err)
		os.Exit(2)
	}
	found := check(histories, *limit)
	_ = json.NewEncoder(os.Stdout).Encode(found)
	if len(found.Faults) > 0 {
		os.Exit(1)
	}
}

func read(lines *bufio.Reader) (map[object][]operation, error) {
	histories := map[object][]operation{}
	decoder := json.NewDecoder(lines)
	decoder.DisallowUnknownFields()
	for decoder.More() {
		var one operation
		if err := decoder.Decode(&one); err != nil {
			return nil, err
		}
		if _, known := models[one.Model]; !known {
			return nil, fmt.Errorf("no model %q", one.Model)
		}
		if one.Output == nil {
			one.Return = math.MaxInt64
		}
		of := object{one.Model, one.Key}
		histories[of] = append(histories[of], one)
	}
	return histories, nil
}

func check(histories map[object][]operation, limit time.Duration) verdict {
	found := verdict{map[string]int{}, map[string]int{}, map[string]int{}, []fault{}}
	for of, history := range histories {
		found.Objects[of.model]++
		found.Operations[of.model] += len(history)
		operations := make([]porcupine.Operation, len(history))
		for i, one := range history {
			if one.Output == nil {
				found.Open[of.model]++
			}
			operations[i] = porcupine.Operation{
				ClientId: one.Client, Input: one.Input, Call: one.Call, Output: one.Output, Return: one.Return,
			}
		}
		model, problem := models[of.model], ""
		switch porcupine.CheckOperationsTimeout(model.ToModel(), operations, limit) {
		case porcupine.Illegal:
			problem = "no order of these operations explains what was answered"
		case porcupine.Unknown:
			problem = fmt.Sprintf("no order was found within %s", limit)
		case porcupine.Ok:
			continue
		}
		slices.SortFunc(history, func(a, b operation) int { return int(a.Call - b.Call) })
		found.Faults = append(found.Faults, fault{of.model, of.key, problem, history})
	}
	return found
}
