package main

import (
	"slices"

	"github.com/anishathalye/porcupine"
)

// input is what was asked of an object; a model says which members it reads.
type input struct {
	Op     string `json:"op"`
	Limit  int    `json:"limit,omitempty"`  // of seats
	Member int    `json:"member,omitempty"` // a person's number within the object
	Number int    `json:"number,omitempty"` // the generation of a refresh token
	Text   string `json:"text,omitempty"`   // what is written
	Seen   string `json:"seen,omitempty"`   // the ETag of If-Match
	Early  bool   `json:"early,omitempty"`  // answered while a spent refresh token is forgiven
}

// output is what was answered.
type output struct {
	OK      bool   `json:"ok"`                // else it was refused, by the object's rule
	Members []int  `json:"members,omitempty"` // those seen, or those who are admins
	Number  int    `json:"number,omitempty"`  // the generation that was given
	Text    string `json:"text,omitempty"`    // what stands there
	Seen    string `json:"seen,omitempty"`    // its ETag
}

// A step returns the states that may follow; none where this answer is impossible. Without an
// answer it returns all that may have come of the question, with the old one first.
type step[S any] func(state S, asked input, answered *output) []S

func model[S any](initial S, equal func(a, b S) bool, next step[S]) porcupine.NondeterministicModel {
	return porcupine.NondeterministicModel{
		Init: func() []any { return []any{initial} },
		Step: func(state, asked, answered any) []any {
			var states []any
			for _, one := range next(state.(S), asked.(input), answered.(*output)) {
				states = append(states, one)
			}
			return states
		},
		Equal: func(a, b any) bool { return equal(a.(S), b.(S)) },
	}
}

func same[S comparable](a, b S) bool { return a == b }

var models = map[string]porcupine.NondeterministicModel{
	"seats":          model(nil, slices.Equal[[]int], seats),
	"administrators": model([]int{1, 2, 3, 4}, slices.Equal[[]int], administrators),
	"codes":          model(unspent, same, codes),
	"one-time codes": model(unspent, same, oneTimeCodes),
	"refresh tokens": model(family{newest: 1}, same, refreshTokens),
	"idempotency":    model(reply{}, same, idempotency),
	"registers":      model(register{}, same, registers),
}

// one returns the state that follows an answer; if nobody knows it, the one before as well.
func one[S any](before, after S, answered *output) []S {
	if answered == nil {
		return []S{before, after}
	}
	return []S{after}
}

// seats: the sorted members of an organization, never more than its limit.
func seats(members []int, asked input, answered *output) []([]int) {
	at, seated := slices.BinarySearch(members, asked.Member)
	switch asked.Op {
	case "join":
		if answered != nil && !answered.OK {
			return when(len(members) >= asked.Limit, members)
		}
		if len(members) >= asked.Limit || seated {
			return when(answered == nil, members)
		}
		return one(members, slices.Insert(slices.Clone(members), at, asked.Member), answered)
	case "leave":
		if answered != nil && !answered.OK {
			return when(!seated, members)
		}
		if !seated {
			return when(answered == nil, members)
		}
		return one(members, slices.Delete(slices.Clone(members), at, at+1), answered)
	default: // read
		return when(answered == nil || slices.Equal(members, answered.Members), members)
	}
}

// administrators: the sorted admins among members of whom one is none, so that one admin stays.
func administrators(admins []int, asked input, answered *output) []([]int) {
	at, holds := slices.BinarySearch(admins, asked.Member)
	switch asked.Op {
	case "demote":
		last := holds && len(admins) == 1
		if answered != nil && !answered.OK {
			return when(last, admins)
		}
		if last || !holds {
			return when(answered == nil || !last, admins)
		}
		return one(admins, slices.Delete(slices.Clone(admins), at, at+1), answered)
	case "promote":
		if answered != nil && !answered.OK {
			return nil
		}
		if holds {
			return []([]int){admins}
		}
		return one(admins, slices.Insert(slices.Clone(admins), at, asked.Member), answered)
	default: // read
		return when(answered == nil || slices.Equal(admins, answered.Members), admins)
	}
}

// spending is how far a code has come.
type spending int

const (
	unspent   spending = iota
	spent              // what it gave is good
	takenBack          // it came twice, and what it gave is worth nothing
)

// codes of an authorization: good once; a second use takes back what the first one gave.
func codes(state spending, asked input, answered *output) []spending {
	switch {
	case asked.Op == "redeem" && answered == nil:
		return []spending{state, min(state+1, takenBack)}
	case asked.Op == "redeem" && answered.OK:
		return when(state == unspent, spent)
	case asked.Op == "redeem":
		return when(state != unspent, takenBack)
	case answered == nil: // a use of what it gave
		return []spending{state}
	case answered.OK:
		return when(state == spent, state)
	default:
		return when(state == takenBack, state)
	}
}

// oneTimeCodes: good once, and then refused.
func oneTimeCodes(state spending, _ input, answered *output) []spending {
	switch {
	case answered == nil:
		return []spending{state, spent}
	case answered.OK:
		return when(state == unspent, spent)
	default:
		return when(state == spent, state)
	}
}

// family is what came of one sign-in.
type family struct {
	newest int
	ended  bool
}

// refreshTokens: the newest is good and gives its successor; the one before is forgiven for a
// while, and answered with the newest; any other one ends the family.
func refreshTokens(state family, asked input, answered *output) []family {
	next := family{state.newest + 1, false}
	over := family{state.newest, true}
	if asked.Number > state.newest { // nobody has it yet
		return nil
	}
	last, before := asked.Number == state.newest, asked.Number+1 == state.newest
	switch {
	case state.ended:
		return when(answered == nil || !answered.OK, state)
	case answered == nil && last:
		return []family{state, next}
	case answered == nil && before && asked.Early:
		return []family{state}
	case answered == nil:
		return []family{state, over}
	case last:
		return when(answered.OK && answered.Number == next.newest, next)
	case before && answered.OK:
		return when(answered.Number == state.newest, state)
	case before:
		return when(!asked.Early, over)
	default:
		return when(!answered.OK, over)
	}
}

// reply is what an idempotency key was first used for, and what came of it.
type reply struct{ text, made string }

// idempotency: a key makes one thing, and answers with it each time; another request is refused.
func idempotency(state reply, asked input, answered *output) []reply {
	first := state.text == ""
	switch {
	case answered == nil && first:
		// It may have made a thing that nobody has seen yet.
		return []reply{state, {asked.Text, ""}}
	case answered == nil:
		return []reply{state}
	case !answered.OK:
		return when(!first && state.text != asked.Text, state)
	case first:
		return []reply{{asked.Text, answered.Text}}
	default:
		known := state.made == "" || state.made == answered.Text
		return when(known && state.text == asked.Text, reply{asked.Text, answered.Text})
	}
}

// register is a text with its ETag; "" is one that nobody has seen yet.
type register struct{ text, seen string }

// registers: a read sees the last write; a write with If-Match happens only to what was seen.
func registers(state register, asked input, answered *output) []register {
	switch {
	case asked.Op == "read" && answered == nil:
		return []register{state}
	case asked.Op == "read":
		fits := (state.text == "" || state.text == answered.Text) &&
			(state.seen == "" || state.seen == answered.Seen)
		return when(fits, register{answered.Text, answered.Seen})
	case answered == nil:
		if asked.Seen != "" && state.seen != "" && asked.Seen != state.seen {
			return []register{state}
		}
		return []register{state, {asked.Text, ""}}
	case !answered.OK:
		return when(asked.Seen != "" && (state.seen == "" || asked.Seen != state.seen), state)
	default:
		fits := asked.Seen == "" || state.seen == "" || asked.Seen == state.seen
		return when(fits, register{asked.Text, answered.Seen})
	}
}

func when[S any](holds bool, state S) []S {
	if holds {
		return []S{state}
	}
	return nil
}
