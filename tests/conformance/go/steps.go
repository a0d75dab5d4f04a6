package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/errdetails"
	"google.golang.org/protobuf/proto"
)

// What the programs share: where the server is, how a step is shown, how a refusal is looked at.

// unknown is, behind a prefix, the id of nothing.
const unknown = "1234567890123456789"

var (
	url          = os.Getenv("SCALEKIT_ENVIRONMENT_URL")
	clientID     = os.Getenv("SCALEKIT_CLIENT_ID")
	clientSecret = os.Getenv("SCALEKIT_CLIENT_SECRET")

	ctx    = context.Background()
	client = scalekit.NewScalekitClient(url, clientID, clientSecret)
	run    = newRun()
)

// newRun makes what makes names this run's own.
func newRun() string {
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	return hex.EncodeToString(random)
}

type details map[string]any

// failed is what check panics with; step reports it.
type failed struct{ message string }

func check(holds bool, format string, args ...any) {
	if !holds {
		panic(failed{fmt.Sprintf(format, args...)})
	}
}

func equal(got, want any) {
	check(reflect.DeepEqual(got, want), "got %v, want %v", got, want)
}

func same(got, want proto.Message) {
	check(proto.Equal(got, want), "got %v, want %v", got, want)
}

func sameAll[T proto.Message](got []T, want ...T) {
	check(slices.EqualFunc(got, want, func(a, b T) bool { return proto.Equal(a, b) }),
		"got %v, want %v", got, want)
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func succeeds(err error) {
	check(err == nil, "%v", err)
}

// failure returns the error of a call that must not succeed.
func failure[T any](_ T, err error) error {
	return err
}

func step(name string, show func(seen details)) {
	line := details{"step": name, "ok": true}
	defer func() {
		failure := recover()
		if failure != nil {
			line["ok"] = false
			line["error"] = fmt.Sprint(failure)
		}
		_ = json.NewEncoder(os.Stdout).Encode(line)
		if failure != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, failure)
			os.Exit(1)
		}
	}()
	show(line)
}

// soon shows what was changed: it is in force within a second, and then, at the latest, this holds.
func soon(show func()) {
	until := time.Now().Add(time.Second)
	for {
		last := time.Now().After(until)
		if holds(show, last) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// holds reports whether no check fails; on the last call one that does is passed on.
func holds(show func(), last bool) (held bool) {
	defer func() {
		if failure := recover(); failure != nil {
			if _, ok := failure.(failed); last || !ok {
				panic(failure)
			}
		}
	}()
	show()
	return true
}

// rpcError returns the status of a failed call and the ErrorInfo that came with it.
func rpcError(err error) (*connect.Error, *errdetails.ErrorInfo) {
	var status *connect.Error
	check(errors.As(err, &status), "not an RPC error: %v", err)
	for _, detail := range status.Details() {
		if info, ok := must(detail.Value()).(*errdetails.ErrorInfo); ok {
			check(info.GetErrorCode() != "", "empty error_code")
			return status, info
		}
	}
	panic(failed{fmt.Sprintf("no ErrorInfo in %v", err)})
}

func checkNotFound(err error) {
	status, _ := rpcError(err)
	check(status.Code() == connect.CodeNotFound, "%v", err)
	check(strings.Contains(err.Error(), "not found"), "text: %v", err)
}

func checkBadRequest(err error) {
	status, info := rpcError(err)
	check(status.Code() == connect.CodeInvalidArgument, "%v", err)
	equal(info.GetErrorCode(), "INVALID_ARGUMENT")
}

// checkRefused is for a name inside a request that names nothing: some take that for bad, some for
// missing.
func checkRefused(err error) {
	status, _ := rpcError(err)
	check(status.Code() == connect.CodeInvalidArgument || status.Code() == connect.CodeNotFound, "%v", err)
}

func checkDuplicate(field string, err error) {
	checkBadRequest(err)
	check(strings.Contains(err.Error(), "duplicate key not allowed"), "text: %v", err)
	check(strings.Contains(err.Error(), field), "text: %v", err)
}

func checkBadField(field string, err error) []*errdetails.ValidationErrorInfo_FieldViolation {
	checkBadRequest(err)
	check(strings.Contains(err.Error(), field), "text: %v", err)
	_, info := rpcError(err)
	violations := info.GetValidationErrorInfo().GetFieldViolations()
	named := slices.ContainsFunc(violations, func(v *errdetails.ValidationErrorInfo_FieldViolation) bool {
		return strings.Contains(v.GetField(), field) && v.GetDescription() != ""
	})
	check(named, "violations: %v", violations)
	return violations
}

// identified is anything that lists hold.
type identified interface{ GetId() string }

func ids[T identified](list []T) []string {
	found := []string{}
	for _, each := range list {
		found = append(found, each.GetId())
	}
	return found
}

// names returns the names of roles or permissions in the order of the alphabet.
func names[T interface{ GetName() string }](list []T) []string {
	found := []string{}
	for _, each := range list {
		found = append(found, each.GetName())
	}
	slices.Sort(found)
	return found
}

func reversed(list []string) []string {
	backwards := slices.Clone(list)
	slices.Reverse(backwards)
	return backwards
}

type listing interface {
	GetTotalSize() uint32
	GetNextPageToken() string
}

// readPages reads pages of 2, newest first, until all of ours were in them, and returns every id
// that was.
func readPages[T identified](read func(token string) ([]T, listing), ours []string) []string {
	listed, oursListed := []string{}, []string{}
	token := ""
	for len(oursListed) < len(ours) {
		found, page := read(token)
		check(len(found) == 1 || len(found) == 2, "a page of %d", len(found))
		check(int(page.GetTotalSize()) >= len(ours), "total_size %d", page.GetTotalSize())
		for _, id := range ids(found) {
			check(!slices.Contains(listed, id), "%s was listed twice", id)
			listed = append(listed, id)
			if slices.Contains(ours, id) {
				oursListed = append(oursListed, id)
			}
		}
		token = page.GetNextPageToken()
		check(token != "" || len(oursListed) == len(ours), "the pages ended before all were seen")
	}
	equal(oursListed, reversed(ours)) // newest came first
	return listed
}

func createOrganization(name string) string {
	return must(client.Organization().CreateOrganization(ctx, name+" "+run,
		scalekit.CreateOrganizationOptions{})).GetOrganization().GetId()
}

func deleteOrganizations(organizationIDs ...string) {
	for _, id := range organizationIDs {
		succeeds(client.Organization().DeleteOrganization(ctx, id))
	}
}
