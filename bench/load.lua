-- load.lua -- what wrk sends, and its summary as one line of JSON.
-- BENCH_NOTE=<body>   POST this body, each time under another Idempotency-Key; without it wrk's own GET
-- BENCH_SEED=<number> the keys are random, as version 4 UUIDs are
-- BENCH_ORDER=<ms>     they are version 7 UUIDs, of a clock that starts there and goes on by a millisecond every ten keys
-- BENCH_PAUSE=<ms>    each connection waits that long, on average, between an answer and its next request

local body, seed = os.getenv("BENCH_NOTE"), tonumber(os.getenv("BENCH_SEED"))
local order, pause = tonumber(os.getenv("BENCH_ORDER")), tonumber(os.getenv("BENCH_PAUSE"))
local threads = 0

function setup(thread)
	threads = threads + 1
	thread:set("id", threads)
end

function init()
	math.randomseed(seed + id)
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

	function request()
		if head == nil then
			local text = wrk.format("POST", nil, nil, body)
			local at = text:find("\r\n", 1, true)
			head = text:sub(1, at + 1) .. "Content-Type: application/json\r\nIdempotency-Key: "
			tail = text:sub(at)
		end
		return head .. key() .. tail
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
