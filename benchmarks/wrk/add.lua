-- W4: a random product into one of the carts. Arguments: a file of product ids and a file of access tokens.
local ids, tokens = {}, {}
function init(args)
  for line in io.lines(args[1]) do ids[#ids + 1] = line end
  for line in io.lines(args[2]) do tokens[#tokens + 1] = line end
  math.randomseed(os.time())
end
function request()
  local headers = { ["Authorization"] = "Bearer " .. tokens[math.random(#tokens)], ["Content-Type"] = "application/json" }
  local body = '{"product_id":"' .. ids[math.random(#ids)] .. '","quantity":1}'
  return wrk.format("POST", "/api/v1/cart/add/", headers, body)
end
