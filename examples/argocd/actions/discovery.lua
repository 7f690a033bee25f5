-- Which actions an object of muster.dev offers.
local actions = {["reconcile"] = {["disabled"] = false}}
if obj.kind == "Organization" then
  local suspended = obj.spec ~= nil and obj.spec.suspend == true
  actions["suspend"] = {["disabled"] = suspended}
  actions["resume"] = {["disabled"] = not suspended}
end
return actions
