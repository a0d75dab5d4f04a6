package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/scalekit-inc/scalekit-sdk-go/v2"
)

var (
	mailPath  = regexp.MustCompile(`/dev/mail/mail_\d+`)
	mailCode  = regexp.MustCompile(`(?m)^(\d{6})$`)
	mailToken = regexp.MustCompile(`link_token=([\w.-]+)`)
)

// drivePasswordless reads the mails that it asks for at /dev/mail.
func drivePasswordless() {
	service := client.Passwordless()
	const page = "https://app.example.com/magic?next=%2Fhome"
	type options = scalekit.SendPasswordlessOptions
	address := func(name string) string { return name + "." + run + "@example.com" }
	send := func(name string, with *options) *scalekit.SendPasswordlessResponse {
		return must(service.SendPasswordlessEmail(ctx, address(name), with))
	}
	refusal := func(with *options) error {
		return failure(service.SendPasswordlessEmail(ctx, address("bad"), with))
	}
	byCode := func(code, id string) *scalekit.VerifyPasswordlessOptions {
		return &scalekit.VerifyPasswordlessOptions{Code: code, AuthRequestId: id}
	}
	byLink := func(token string) *scalekit.VerifyPasswordlessOptions {
		return &scalekit.VerifyPasswordlessOptions{LinkToken: token}
	}
	verify := func(given *scalekit.VerifyPasswordlessOptions) *scalekit.VerifyPasswordLessResponse {
		return must(service.VerifyPasswordlessEmail(ctx, given))
	}
	unverified := func(given *scalekit.VerifyPasswordlessOptions) error {
		return failure(service.VerifyPasswordlessEmail(ctx, given))
	}
	wrong := func(code string, n int) string {
		return fmt.Sprintf("%06d", (must(strconv.Atoi(code))+n)%1_000_000)
	}
	tooMany := func(err error) {
		status, _ := rpcError(err)
		check(status.Code() == connect.CodeResourceExhausted, "%v", err)
	}
	read := func(path string) string {
		answer := must(http.Get(url + path))
		defer func() { _ = answer.Body.Close() }()
		return html.UnescapeString(string(must(io.ReadAll(answer.Body))))
	}
	// The newest mail to an address, as soon as it is there: its code, and its link's token.
	mailTo := func(name string) (string, string) {
		for until := time.Now().Add(30 * time.Second); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
			paths := mailPath.FindAllString(read("/dev/mail"), 20)
			for _, path := range paths {
				said := read(path)
				code := mailCode.FindStringSubmatch(said)
				if code == nil || !strings.Contains(said, address(name)) {
					continue
				}
				if token := mailToken.FindStringSubmatch(said); token != nil {
					return code[1], token[1]
				}
				return code[1], ""
			}
		}
		panic(failed{"no mail came"})
	}
	var plain, eager *scalekit.SendPasswordlessResponse

	step("send", func(seen details) {
		plain = send("plain", nil)
		check(plain.GetAuthRequestId() != "", "no id")
		equal(plain.GetExpiresIn(), uint32(300))
		left := plain.GetExpiresAt() - time.Now().Unix()
		check(left > 0 && left <= 300, "expires in %d s", left)
		equal(plain.GetPasswordlessType(), scalekit.PasswordlessTypeOtp)
		signUp := scalekit.TemplateTypeSignup
		full := send("full", &options{Template: &signUp, MagiclinkAuthUri: page, State: "s1",
			ExpiresIn: 3600, TemplateVariables: map[string]string{"plan": "gold"}})
		equal(full.GetExpiresIn(), uint32(3600))
		equal(full.GetPasswordlessType(), scalekit.PasswordlessTypeLinkOtp)
		seen["id"] = plain.GetAuthRequestId()
	})

	step("verify_code", func(details) {
		code, token := mailTo("plain")
		equal(token, "")
		id := plain.GetAuthRequestId()
		checkBadField("code", unverified(byCode(wrong(code, 1), id)))
		verified := verify(byCode(code, id))
		equal(verified.GetEmail(), address("plain"))
		check(verified.State == nil, "state %q", verified.GetState())
		equal(verified.GetPasswordlessType(), scalekit.PasswordlessTypeOtp)
		checkBadField("code", unverified(byCode(code, id)))
	})

	step("verify_link", func(details) {
		_, token := mailTo("full")
		verified := verify(byLink(token))
		equal(verified.GetEmail(), address("full"))
		equal(verified.GetState(), "s1")
		equal(verified.GetTemplate(), scalekit.TemplateTypeSignup)
		equal(verified.GetPasswordlessType(), scalekit.PasswordlessTypeLinkOtp)
		checkBadField("link_token", unverified(byLink(token)))
	})

	step("resend", func(details) {
		sent := send("again", &options{MagiclinkAuthUri: page, ExpiresIn: 1800})
		id := sent.GetAuthRequestId()
		code, token := mailTo("again")
		checkBadRequest(unverified(byCode(wrong(code, 1), id)))
		again := must(service.ResendPasswordlessEmail(ctx, id))
		equal(again.GetAuthRequestId(), id)
		equal(again.GetExpiresIn(), uint32(1800))
		equal(again.GetPasswordlessType(), scalekit.PasswordlessTypeLinkOtp)
		check(again.GetExpiresAt() >= sent.GetExpiresAt(), "it expires earlier")
		given := byLink(token)
		given.AuthRequestId = id
		equal(verify(given).GetEmail(), address("again"))
	})

	step("too_many_mails", func(details) {
		eager = send("eager", nil)
		id := eager.GetAuthRequestId()
		must(service.ResendPasswordlessEmail(ctx, id))
		tooMany(failure(service.ResendPasswordlessEmail(ctx, id)))
		tooMany(failure(service.SendPasswordlessEmail(ctx, address("eager"), nil)))
	})

	step("too_many_guesses", func(details) {
		code, _ := mailTo("eager")
		id := eager.GetAuthRequestId()
		for n := 1; n < 6; n++ {
			checkBadRequest(unverified(byCode(wrong(code, n), id)))
		}
		tooMany(unverified(byCode(code, id)))
	})

	step("not_found", func(seen details) {
		err := failure(service.ResendPasswordlessEmail(ctx, "pwl_1"))
		checkNotFound(err)
		checkNotFound(unverified(byCode("123456", "pwl_1")))
		seen["message"] = err.Error()
	})

	step("bad_field", func(details) {
		checkBadField("expires_in", refusal(&options{ExpiresIn: 30}))
		checkBadField("magiclink_auth_uri", refusal(&options{MagiclinkAuthUri: "javascript:alert(1)"}))
		taken := map[string]string{"otp": "123456"}
		checkBadField("template_variables", refusal(&options{TemplateVariables: taken}))
		checkBadField("auth_request_id", unverified(byCode("123456", "")))
		checkBadField("link_token", unverified(byLink("nonsense")))
	})
}
