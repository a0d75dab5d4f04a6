package main

import (
	"os"
	"slices"
	"strings"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
)

// driveSessions is about a person who has signed in three times, the first time first.
func driveSessions() {
	service := client.Session()
	person := os.Getenv("PERSON_ID")
	sessions := strings.Split(os.Getenv("PERSON_SESSIONS"), ",")
	page := func(size uint32, token string, statuses ...string) *scalekit.UserSessionDetails {
		return must(service.GetUserSessions(ctx, person, size, token, &scalekit.UserSessionFilter{Status: statuses}))
	}
	listed := func(page *scalekit.UserSessionDetails) []string {
		found := []string{}
		for _, each := range page.GetSessions() {
			found = append(found, each.GetSessionId())
		}
		return found
	}

	step("get", func(seen details) {
		session := must(service.GetSession(ctx, sessions[0]))
		equal(session.GetSessionId(), sessions[0])
		equal(session.GetUserId(), person)
		equal(session.GetStatus(), "active")
		equal(session.GetDevice().GetBrowser(), "Firefox")
		check(session.GetCreatedAt().GetSeconds() > 0, "no created_at")
		check(session.GetAbsoluteExpiresAt().AsTime().After(session.GetCreatedAt().AsTime()), "no end")
		seen["organization"] = session.GetOrganizationId()
	})

	step("list_pages", func(details) {
		first := page(2, "")
		second := page(2, first.GetNextPageToken())
		equal(slices.Concat(listed(first), listed(second)), reversed(sessions))
		equal(int(first.GetTotalSize()), 3)
		equal(second.GetNextPageToken(), "")
		equal(listed(page(2, second.GetPrevPageToken())), listed(first))
	})

	step("revoke", func(details) {
		equal(must(service.RevokeSession(ctx, sessions[0])).GetRevokedSession().GetStatus(), "revoked")
		equal(must(service.GetSession(ctx, sessions[0])).GetStatus(), "revoked")
		must(service.RevokeSession(ctx, sessions[0]))
	})

	step("filter", func(details) {
		equal(listed(page(0, "", "revoked")), sessions[:1])
		equal(listed(page(0, "", "active")), reversed(sessions[1:]))
		equal(len(listed(page(0, "", "logout", "expired"))), 0)
	})

	step("revoke_all", func(details) {
		ended := must(service.RevokeAllUserSessions(ctx, person))
		equal(int(ended.GetTotalRevoked()), 2)
		equal(len(ended.GetRevokedSessions()), 2)
		equal(int(must(service.RevokeAllUserSessions(ctx, person)).GetTotalRevoked()), 0)
		equal(len(listed(page(0, "", "revoked"))), 3)
	})

	step("not_found", func(seen details) {
		err := failure(service.GetSession(ctx, "ses_"+unknown))
		checkNotFound(err)
		checkNotFound(failure(service.RevokeSession(ctx, "ses_"+unknown)))
		checkNotFound(failure(service.GetUserSessions(ctx, "usr_"+unknown, 0, "", nil)))
		seen["message"] = err.Error()
	})

	step("bad_field", func(seen details) {
		seen["violations"] = checkBadField("session_id", failure(service.GetSession(ctx, "ses_123abc")))
		checkBadField("user_id", failure(service.RevokeAllUserSessions(ctx, "usr_abc")))
	})
}
