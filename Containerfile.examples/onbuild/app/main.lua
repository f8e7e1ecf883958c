local prices = require("prices")

local total = 0
for _, name in ipairs(arg) do
	total = total + (prices[name] or 0)
end
print(string.format("%s: %d", os.getenv("APP_ENV"), total))
