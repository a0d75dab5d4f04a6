// Print every method of the official Go SDK, one a line, as an application spells it.
package main

import (
	"fmt"
	"reflect"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
)

func main() {
	client := reflect.TypeFor[scalekit.Scalekit]()
	for i := range client.NumMethod() {
		method := client.Method(i)
		service := method.Type
		if service.NumIn() > 0 || service.Out(0).Kind() != reflect.Interface || service.Out(0) == client {
			fmt.Println(method.Name)
			continue
		}
		for j := range service.Out(0).NumMethod() {
			fmt.Printf("%s.%s\n", method.Name, service.Out(0).Method(j).Name)
		}
	}
}
