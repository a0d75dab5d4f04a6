-- Limits the requests in flight of each client network before the application sees them.
--
-- Envoy runs this for every request, on its one thread. The counters are memory that the embedded
-- Python has allocated (tenantry/server/admission.py): this script counts requests as started,
-- the application counts them as finished, and no counter has two writers. A request is in flight
-- until the application has finished with it, also when the client has reset the stream.
--
-- `settings` is a table that tenantry/server/admission.py writes in front of this file.

local ffi = require("ffi")
local bit = require("bit")

local TOTAL, FIRST_NETWORK = 0, 1
local FIRST_CONNECTION = FIRST_NETWORK + settings.networks
local CELLS = FIRST_CONNECTION + settings.connections
local WRAP = 4294967296 -- counters are unsigned 32-bit integers
local MOST_REMEMBERED = 16384
local MOST_HOPS, MOST_CHARACTERS = 30, 60 -- as tenantry/endpoints/grpc_rest/address.py has them

local started, finished, finished_too -- TLS and cleartext have an event loop each

local function attach()
  local address = tonumber(os.getenv(settings.variable) or "")
  if not address then
    return false
  end
  started = ffi.cast("uint32_t *", ffi.cast("uintptr_t", address))
  finished, finished_too = started + CELLS, started + 2 * CELLS
  return true
end

local function in_flight(cell)
  return (started[cell] - finished[cell] - finished_too[cell]) % WRAP
end

local function count(cell)
  started[cell] = (started[cell] + 1) % WRAP
end

local function ipv4(text)
  local a, b, c, d = text:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then
    return nil
  end
  a, b, c, d = tonumber(a), tonumber(b), tonumber(c), tonumber(d)
  if a > 255 or b > 255 or c > 255 or d > 255 then
    return nil
  end
  return { 0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d }
end

-- Returns the part of an IPv6 address that has no "::" in it, or nil.
local function groups_of(text)
  local found = {}
  if text == "" then
    return found
  end
  for part in (text .. ":"):gmatch("([^:]*):") do
    if part:find(".", 1, true) then
      local last = ipv4(part)
      if not last then
        return nil
      end
      found[#found + 1] = last[7]
      found[#found + 1] = last[8]
    elseif part:match("^%x%x?%x?%x?$") then
      found[#found + 1] = tonumber(part, 16)
    else
      return nil
    end
  end
  return found
end

local function ipv6(text)
  text = text:gsub("%%.*$", "")
  local head, tail = text:match("^(.-)::(.*)$")
  if not head then
    local all = groups_of(text)
    return all and #all == 8 and all or nil
  end
  local before, after = groups_of(head), groups_of(tail)
  if not before or not after or #before + #after > 7 then
    return nil
  end
  for _ = 1, 8 - #before - #after do
    before[#before + 1] = 0
  end
  for _, group in ipairs(after) do
    before[#before + 1] = group
  end
  return before
end

-- Returns an address as eight groups of 16 bits, an IPv4 address as one mapped into IPv6. The text
-- may have brackets, a port and a zone.
local function parse(text)
  if #text > MOST_CHARACTERS then
    return nil
  end
  local bracketed = text:match("^%[(.*)%]:?%d*$")
  if bracketed then
    text = bracketed
  elseif select(2, text:gsub(":", "")) == 1 then
    text = text:match("^(.*):%d+$") or ""
  end
  return ipv4(text) or (text:find(":", 1, true) and ipv6(text)) or nil
end

local function is_trusted(groups)
  for _, network in ipairs(settings.trusted) do
    local bits, same = network.bits, true
    for number = 1, 8 do
      if bits <= 0 then
        break
      end
      local shift = 16 - math.min(bits, 16)
      if bit.rshift(groups[number], shift) ~= bit.rshift(network.groups[number], shift) then
        same = false
        break
      end
      bits = bits - 16
    end
    if same then
      return true
    end
  end
  return false
end

-- An IPv4 address is a network of its own, and so is the /64 of an IPv6 address.
local function cell_of(groups)
  local mapped = groups[6] == 0xffff
  for number = 1, 5 do
    mapped = mapped and groups[number] == 0
  end
  local hash = settings.seed
  for number = mapped and 5 or 1, mapped and 8 or 4 do
    hash = bit.bxor(hash, groups[number])
    hash = bit.tobit(hash * 0x9e3b)
    hash = bit.bxor(hash, bit.rshift(hash, 15))
  end
  return FIRST_NETWORK + hash % settings.networks
end

-- Returns the client's address: the last one that X-Forwarded-For names and no trusted proxy has.
local function client_of(peer, forwarded_for)
  local entries = {}
  for entry in (forwarded_for .. ","):gmatch("%s*([^,]-)%s*,") do
    entries[#entries + 1] = entry
  end
  local found = peer
  for number = #entries, math.max(1, #entries - MOST_HOPS + 1), -1 do
    local said = is_trusted(found) and parse(entries[number])
    if not said then
      break
    end
    found = said
  end
  return found
end

local function remembering(build)
  local known, size = {}, 0
  return function(key, ...)
    local value = known[key]
    if value == nil then
      if size >= MOST_REMEMBERED then
        known, size = {}, 0
      end
      value, size = build(key, ...), size + 1
      known[key] = value
    end
    return value
  end
end

local function packed(network, connection)
  return string.format("%d", network * CELLS + connection)
end

local next_connection = 0
local connection_of = remembering(function(peer)
  local groups = parse(peer) or { 0, 0, 0, 0, 0, 0, 0, 0 }
  local connection = FIRST_CONNECTION + next_connection
  next_connection = (next_connection + 1) % settings.connections
  local network = cell_of(groups)
  return {
    groups = groups,
    is_proxy = is_trusted(groups),
    network = network,
    connection = connection,
    packed = packed(network, connection),
  }
end)

local forwarded_cell = remembering(function(forwarded_for, groups)
  return cell_of(client_of(groups, forwarded_for))
end)

local function is_refused(network, connection, total)
  local of_network = in_flight(network)
  if of_network >= settings.per_network then
    -- One request of each connection goes on being served: not every client behind an address
    -- that sends too much is the one that does.
    return in_flight(connection) >= 1 or of_network >= settings.per_network * settings.spare
  end
  return total >= settings.total and (of_network >= settings.few or total >= settings.total * 2)
end

function envoy_on_request(handle)
  if not started and not attach() then
    return
  end
  local total = in_flight(TOTAL)
  if total < settings.uncounted then
    -- Whose requests they are does not matter while they are this few.
    count(TOTAL)
    return
  end
  local peer = connection_of(handle:streamInfo():downstreamDirectRemoteAddress())
  local headers = handle:headers()
  local network, cells = peer.network, peer.packed
  if peer.is_proxy then
    local forwarded_for = headers:get("x-forwarded-for")
    if forwarded_for then
      network = forwarded_cell(forwarded_for, peer.groups)
      cells = packed(network, peer.connection)
    end
  end
  if is_refused(network, peer.connection, total) then
    handle:respond({ [":status"] = "429", ["retry-after"] = "1" }, "")
    return
  end
  count(TOTAL)
  count(network)
  count(peer.connection)
  headers:replace(settings.header, cells)
end
