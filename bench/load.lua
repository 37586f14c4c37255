-- load.lua -- what wrk sends, and its summary as one line of JSON.
-- BENCH_NOTE=<body>   POST this body, each time under another Idempotency-Key; without it wrk's own GET
-- BENCH_SEED=<number> the keys are random, as version 4 UUIDs are
-- BENCH_ORDER=<ms>    they are version 7 UUIDs, of a clock that starts there and goes on by a millisecond every ten keys
-- BENCH_IDS=<file>    PATCH instead, each time one of the ids that stand there, a line each; XXXXXXXX in the body becomes a random number
-- BENCH_BODY=<body>   POST this body, always the same
-- BENCH_TURNS=<file>  with BENCH_BODY: behind it goes one of the refresh tokens that stand there, a line each, and then those of the answers
-- BENCH_PLACES=<HOST:PORT ...>  a place for each thread, which sends all of its requests there
-- BENCH_PAUSE=<ms>    each connection waits that long, on average, between an answer and its next request

local body, seed = os.getenv("BENCH_NOTE"), tonumber(os.getenv("BENCH_SEED"))
local order, pause = tonumber(os.getenv("BENCH_ORDER")), tonumber(os.getenv("BENCH_PAUSE"))
local places, threads = {}, 0

for host, port in (os.getenv("BENCH_PLACES") or ""):gmatch("(%S+):(%d+)") do
	places[#places + 1] = { host, port }
end

function setup(thread)
	threads = threads + 1
	thread:set("id", threads)
	if places[threads] then
		thread.addr = wrk.lookup(places[threads][1], places[threads][2])[1]
	end
end

local turns, free = os.getenv("BENCH_TURNS"), {}

function init()
	math.randomseed(seed + id)
	local n = 0
	for token in io.lines(turns or "/dev/null") do		-- each thread has its part of them
		n = n + 1
		if n % tonumber(os.getenv("BENCH_THREADS")) == id - 1 then
			free[#free + 1] = token
		end
	end
end

if body then
	local head, tail
	local n, random, format = 0, math.random, string.format

	local function key()
		n = n + 1
		if order then
			local ms = order + math.floor(n / 10)
			return format("%08x-%04x-7%03x-%08x", math.floor(ms / 65536), ms % 65536, random(0, 0xfff), random(0, 0x7fffffff))
		end
		return format("%08x-%08x-%08x", random(0, 0x7fffffff), random(0, 0x7fffffff), random(0, 0x7fffffff))
	end

	local ids = {}
	for id in io.lines(os.getenv("BENCH_IDS") or "/dev/null") do
		ids[#ids + 1] = id
	end

	local function split()
		local text = wrk.format(#ids > 0 and "PATCH" or "POST", nil, nil, body)
		local line = text:find(" HTTP", 1, true)
		local rest = text:find("\r\n", 1, true)
		local from, to = text:find("XXXXXXXX", rest, true)
		head = { text:sub(1, line - 1), text:sub(line, rest + 1) .. "Content-Type: application/json\r\nIdempotency-Key: " }
		tail = from and { text:sub(rest, from - 1), text:sub(to + 1) } or { text:sub(rest) }
	end

	function request()
		if head == nil then
			split()
		end
		if #ids > 0 then
			return head[1] .. ids[random(#ids)] .. head[2] .. key() .. tail[1] .. format("%08x", random(0, 0x7fffffff)) .. tail[2]
		end
		return head[1] .. head[2] .. key() .. tail[1]
	end
end

local same = os.getenv("BENCH_BODY")

if same then
	wrk.method, wrk.body = "POST", same
end

if turns then
	function request()
		return wrk.format(nil, nil, nil, same .. table.remove(free))
	end

	function response(status, headers, text)
		free[#free + 1] = text:match('"refresh_token":"([^"]+)"')
	end
end

if pause > 0 then
	function delay()
		return math.random(0, 2 * pause)
	end
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format('\n{"requests":%d,"us":%d,"bytes":%d,"status":%d,"socket":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}\n',
	    summary.requests, summary.duration, summary.bytes, e.status, e.connect + e.read + e.write + e.timeout,
	    latency:percentile(50), latency:percentile(99), latency.max))
end
