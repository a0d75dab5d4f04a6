package main

import (
	"slices"
	"strings"
	"time"

	"github.com/scalekit-inc/scalekit-sdk-go/v2"
	"github.com/scalekit-inc/scalekit-sdk-go/v2/pkg/grpc/scalekit/v1/events"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func driveEvents() {
	service := client.Events()
	organizations := client.Organization()

	externalID := "acme-" + run
	acme := must(organizations.CreateOrganization(ctx, "Acme "+run,
		scalekit.CreateOrganizationOptions{ExternalId: externalID})).GetOrganization().GetId()
	for _, name := range []string{"Acme 0", "Acme 1", "Acme 2", "Acme 3"} {
		must(organizations.UpdateOrganization(ctx, acme, &scalekit.UpdateOrganization{DisplayName: &name}))
	}
	deleteOrganizations(acme)

	asked := func(size int, token string, narrow *events.EventFilter) (*scalekit.ListEventsPaginatedResponse, error) {
		narrow.OrganizationId = acme
		return service.ListEventsPaginated(ctx,
			scalekit.ListEventsOptions{Filter: narrow, PageSize: size, PageToken: token})
	}
	page := func(size int, token string) *scalekit.ListEventsPaginatedResponse {
		return must(asked(size, token, &events.EventFilter{}))
	}
	narrowed := func(narrow *events.EventFilter) []string {
		return ids(must(asked(0, "", narrow)).GetEvents())
	}
	types := func(list []*events.ScalekitEvent) []string {
		found := []string{}
		for _, each := range list {
			found = append(found, each.GetType())
		}
		return found
	}

	step("envelope", func(seen details) {
		found := page(0, "").GetEvents()
		deleted, first := found[0], found[len(found)-1]
		equal(first.GetSpecVersion(), "1")
		check(strings.HasPrefix(first.GetId(), "evt_"), "id %q", first.GetId())
		equal(first.GetType(), "organization.created")
		equal(first.GetObject(), events.ObjectType_Organization)
		check(strings.HasPrefix(first.GetEnvironmentId(), "env_"), "environment %q", first.GetEnvironmentId())
		equal(first.GetOrganizationId(), acme)
		check(first.GetDisplayName() != "", "no display_name")
		data := first.GetData().AsMap()
		equal(data["id"], acme)
		equal(data["external_id"], externalID)
		check(deleted.GetData().AsMap()["deleted_at"] != nil, "no deleted_at in %v", deleted)
		check(first.GetOccurredAt().AsTime().Before(deleted.GetOccurredAt().AsTime()), "made after it was deleted")
		seen["id"] = first.GetId()
	})

	every := page(100, "").GetEvents()

	step("newest_first", func(details) {
		equal(types(page(0, "").GetEvents()), slices.Concat([]string{"organization.deleted"},
			slices.Repeat([]string{"organization.updated"}, 4), []string{"organization.created"}))
	})

	one := page(2, "")

	step("pages", func(details) {
		two := page(2, one.GetNextPageToken())
		three := page(2, two.GetNextPageToken())
		sameAll(slices.Concat(one.GetEvents(), two.GetEvents(), three.GetEvents()), every...)
		equal(one.GetPrevPageToken(), "")
		equal(three.GetNextPageToken(), "")
		sameAll(page(2, three.GetPrevPageToken()).GetEvents(), two.GetEvents()...)
	})

	step("by_type", func(details) {
		kinds := []string{"organization.deleted", "organization.created"}
		found := must(asked(0, "", &events.EventFilter{EventTypes: kinds})).GetEvents()
		equal(types(found), kinds)
		equal(narrowed(&events.EventFilter{EventTypes: []string{"role.created"}}), []string{})
	})

	step("by_time", func(details) {
		at := every[2].GetOccurredAt()
		equal(narrowed(&events.EventFilter{StartTime: at}), ids(every[:3]))
		equal(narrowed(&events.EventFilter{EndTime: at}), ids(every[2:]))
		equal(narrowed(&events.EventFilter{StartTime: at, EndTime: at}), ids(every[2:3]))
		future := timestamppb.New(time.Now().Add(24 * time.Hour))
		equal(narrowed(&events.EventFilter{StartTime: future}), []string{})
	})

	step("by_source", func(details) {
		nowhere := "conn_1"
		equal(narrowed(&events.EventFilter{Source: events.Source_SCALEKIT}), ids(every))
		equal(narrowed(&events.EventFilter{ConnectionId: &nowhere}), []string{})
	})

	step("bad_filter", func(seen details) {
		renamed := &events.EventFilter{EventTypes: []string{"organization.renamed"}}
		seen["violations"] = checkBadField("filter.event_types[0]", failure(asked(0, "", renamed)))
		checkBadRequest(failure(asked(2, one.GetNextPageToken()+"x", &events.EventFilter{})))
		_, err := service.ListEventsPaginated(ctx, scalekit.ListEventsOptions{PageSize: -1})
		equal(err, scalekit.ErrInvalidPageSize) // the SDK asks nobody
	})
}
