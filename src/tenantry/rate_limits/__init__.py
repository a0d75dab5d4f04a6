"""How many requests a client or an address may make in a time.

Counted by windows that slide: the last one weighs in by the share of it that is not yet a window
ago. That is two numbers for each client or address, where a log of its requests would hold as many
times as the limit allows, 6000 for 6000/minute. It is exact for requests that come evenly. A client
that saves all of them for the end of a window can make up to twice as many in the time of one, but
the second half only little by little.

In memory a process counts by itself, all of its event loops together. In Redis all processes
count together, by the scripts of the library `limits`; while Redis is slow or unavailable, each
process enforces the limits by its own count. The storages of the library are not used: the one in
memory belongs to one event loop and looks through all keys after each request, and the one in
Redis takes two round trips for each request, on its own connection.
"""
