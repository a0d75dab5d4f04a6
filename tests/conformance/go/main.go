// Drive one service with the official Go SDK and say what was seen, step by step.
//
// The argument is the program: organizations, users, roles, domains, auth, clients, tokens, connections, directories, events, passwordless, sessions or passkeys. Reads
// SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of JSON
// per step of ../steps.json; the first step that fails ends the program.
package main

import (
	"fmt"
	"os"
)

func main() {
	programs := map[string]func(){
		"organizations": driveOrganizations,
		"users":         driveUsers,
		"roles":         driveRoles,
		"domains":       driveDomains,
		"auth":          driveAuth,
		"clients":       driveClients,
		"tokens":        driveTokens,
		"connections":   driveConnections,
		"directories":   driveDirectories,
		"events":        driveEvents,
		"passwordless":  drivePasswordless,
		"sessions":      driveSessions,
		"passkeys":      drivePasskeys,
	}
	if len(os.Args) != 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: go-client organizations|users|roles|domains|auth|clients|tokens|connections|directories|events|passwordless|sessions|passkeys")
		os.Exit(2)
	}
	programs[os.Args[1]]()
}
