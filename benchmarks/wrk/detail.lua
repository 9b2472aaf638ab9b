-- W2: the detail of a random product. Ids stand one a line in the file named by the first argument.
local ids = {}
function init(args)
  for line in io.lines(args[1]) do ids[#ids + 1] = line end
  math.randomseed(os.time())
end
function request()
  return wrk.format("GET", "/api/v1/products/" .. ids[math.random(#ids)] .. "/")
end
