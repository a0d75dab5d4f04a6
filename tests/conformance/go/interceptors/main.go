// Verify requests to an interceptor with the official Go SDK.
//
// Reads a JSON list of {secret, headers, payload} from standard input and prints a JSON list: for
// each, whether the SDK takes it.
package main

import (
	"encoding/json"
	"os"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
)

func main() {
	var requests []struct {
		Secret  string
		Headers map[string]string
		Payload string
	}
	if err := json.NewDecoder(os.Stdin).Decode(&requests); err != nil {
		panic(err)
	}
	client := scalekit.NewScalekitClient("https://localhost", "skc_1", "secret")
	taken := []bool{}
	for _, r := range requests {
		ok, err := client.VerifyInterceptorPayload(r.Secret, r.Headers, []byte(r.Payload))
		taken = append(taken, ok && err == nil)
	}
	if err := json.NewEncoder(os.Stdout).Encode(taken); err != nil {
		panic(err)
	}
}
