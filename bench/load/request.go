package main

import (
	"encoding/binary"
	"strconv"
)

var ops = []string{"patch", "get", "list", "create", "grpc-patch", "path", "post", "join", "invite", "refresh", "authorize", "send"}

// request is one call. Its values differ from those of every other, so that each PATCH changes
// the display name, the external id and the metadata, and each create has an external id of its own.
type request struct {
	id         string
	run        int64
	connection int
	number     int
}

// serial appends what is different in each request.
func (r request) serial(b []byte) []byte {
	b = strconv.AppendInt(b, r.run, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, int64(r.connection), 10)
	b = append(b, '-')
	return strconv.AppendInt(b, int64(r.number), 10)
}

// json appends the organization as the REST body.
func (r request) json(b []byte) []byte {
	b = r.serial(append(b, `{"display_name":"Acme `...))
	b = r.serial(append(b, `","external_id":"crm-`...))
	b = r.serial(append(b, `","metadata":{"plan":"enterprise","seats":"250","synced":"`...))
	return append(b, `"}}`...)
}

// user appends a user of the organization as the REST body.
func (r request) user(b []byte) []byte {
	b = r.serial(append(b, `{"email":"ada.`...))
	b = r.serial(append(b, `@example.com","external_id":"crm-user-`...))
	b = append(b, `","metadata":{"plan":"enterprise"},"user_profile":{"given_name":"Ada",`...)
	return append(b, `"family_name":"Lovelace","locale":"en-GB"}}`...)
}

// proto appends an UpdateOrganizationRequest with the same values.
func (r request) proto(b []byte) []byte {
	serial := string(r.serial(nil))
	var o []byte
	o = field(o, 4, "Acme "+serial)
	o = field(o, 6, "crm-"+serial)
	for _, pair := range [][2]string{{"plan", "enterprise"}, {"seats", "250"}, {"synced", serial}} {
		o = field(o, 7, string(field(field(nil, 1, pair[0]), 2, pair[1])))
	}
	return field(field(b, 1, r.id), 3, string(o))
}

// field appends a length-delimited protobuf field: a string or a message.
func field(b []byte, number byte, value string) []byte {
	b = append(b, number<<3|2)
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}
