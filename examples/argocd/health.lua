-- Says how every kind of muster.dev is doing, for Argo CD. All of them follow kstatus: status.observedGeneration, and the conditions Ready,
-- Reconciling and Stalled, of which the last two are absent when they do not hold.
--
-- Argo CD runs this with the object in `obj`, and without the library for strings.

local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local function say(health, kind, otherwise)
  local condition = conditions[kind] or {}
  return {status = health, message = condition.message or otherwise}
end

if status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Muster has not looked at it yet"}
end
-- It needs a person: a rule refuses it, or it is wrong. The message says what to do.
if holds("Stalled") then
  return say("Degraded", "Stalled", "it needs a person")
end
if holds("Suspended") or (obj.spec ~= nil and obj.spec.suspend == true) then
  return say("Suspended", "Suspended", "spec.suspend is set")
end
if holds("Reconciling") then
  return say("Progressing", "Reconciling", "in progress")
end
if holds("Ready") then
  return say("Healthy", "Ready", "in agreement with the store")
end
return say("Progressing", "Ready", "Muster has not come to a verdict yet")
