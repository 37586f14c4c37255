-- load.lua -- what wrk sends, and its summary as one line of JSON.
-- BENCH_NOTE=<body>   POST this body, each time under another Idempotency-Key; without it wrk's own GET
-- BENCH_SEED=<number> the keys are random, as version 4 UUIDs are
-- BENCH_ORDER=<time>  they begin with this and a counter, as version 7 UUIDs do
-- BENCH_PAUSE=<ms>    each connection waits that long, on average, between an answer and its next request

local body, seed = os.getenv("BENCH_NOTE"), tonumber(os.getenv("BENCH_SEED"))
local order, pause = os.getenv("BENCH_ORDER"), tonumber(os.getenv("BENCH_PAUSE"))
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
			return format("%s-%08x-%d", order, n, id)
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
