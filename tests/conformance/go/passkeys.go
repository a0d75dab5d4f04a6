package main

import (
	"os"
	"strings"
)

// drivePasskeys is about a person who has two passkeys, the first one first.
func drivePasskeys() {
	service := client.WebAuthn()
	person := os.Getenv("PERSON_ID")
	passkeys := strings.Split(os.Getenv("PERSON_PASSKEYS"), ",")
	list := func() (found []string) {
		for _, each := range must(service.ListCredentials(ctx, person)).GetCredentials() {
			found = append(found, each.GetId())
		}
		return found
	}

	step("list", func(details) {
		credentials := must(service.ListCredentials(ctx, person)).GetCredentials()
		equal(list(), passkeys)
		for _, each := range credentials {
			equal(each.GetUserId(), person)
			check(each.GetDisplayName() != "", "no display_name")
			check(each.GetAuthenticator() != nil, "no authenticator")
		}
	})

	step("rename", func(details) {
		renamed := must(service.UpdateCredential(ctx, passkeys[0], "Work laptop")).GetCredential()
		equal(renamed.GetId(), passkeys[0])
		equal(renamed.GetDisplayName(), "Work laptop")
		same(must(service.ListCredentials(ctx, person)).GetCredentials()[0], renamed)
	})

	step("delete", func(details) {
		answer := must(service.DeleteCredential(ctx, passkeys[0]))
		equal(answer.GetSuccess(), true)
		check(answer.GetUnknownCredentialOptions().GetCredentialId() != "", "nothing to signal")
		equal(list(), passkeys[1:])
	})

	step("not_found", func(seen details) {
		err := failure(service.DeleteCredential(ctx, passkeys[0]))
		checkNotFound(err)
		checkNotFound(failure(service.UpdateCredential(ctx, passkeys[0], "Gone")))
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		err := failure(service.UpdateCredential(ctx, passkeys[1], strings.Repeat("x", 121)))
		seen["violations"] = checkBadField("display_name", err)
	})
}
