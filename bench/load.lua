-- load.lua -- what wrk sends, and its summary as one line of JSON.
-- BENCH_NOTE=<body>   POST this body, each time under another Idempotency-Key; without it wrk's own GET
-- BENCH_RUN=<word>    sets the keys of this run apart from those of others
-- BENCH_PAUSE=<ms>    each connection waits that long, on average, between an answer and its next request

local body, run, pause = os.getenv("BENCH_NOTE"), os.getenv("BENCH_RUN"), tonumber(os.getenv("BENCH_PAUSE") or "0")
local threads = 0

function setup(thread)
	threads = threads + 1
	thread:set("id", threads)
end

if body then
	local head, tail, n = nil, nil, 0

	function request()
		if head == nil then
			local text = wrk.format("POST", nil, nil, body)
			local at = text:find("\r\n", 1, true)
			head = text:sub(1, at + 1) .. "Content-Type: application/json\r\nIdempotency-Key: " .. run .. "-" .. id .. "-"
			tail = text:sub(at)
		end
		n = n + 1
		return head .. n .. tail
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
