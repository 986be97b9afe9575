-- The health of a MigrationNetwork for Argo CD.
--
-- Only `Stalled` is Degraded, because a Degraded resource ends the running sync, but a network that is not ready yet is being
-- built. Conditions of another generation do not count, so an outdated status is never Healthy. Plain Lua 5.1, with only the
-- libraries that Argo CD provides: the base library and `table`.

local generation = obj.metadata.generation
local status = obj.status or {}
local is_seen = status.observedGeneration ~= nil and status.observedGeneration == generation

-- Returns the condition of that type, if the status has one for this generation.
local function find(type_of_condition)
  for _, condition in ipairs(is_seen and status.conditions or {}) do
    local about = condition.observedGeneration or status.observedGeneration
    if condition.type == type_of_condition and about == generation then
      return condition
    end
  end
end

local function words(condition)
  local reason = condition.reason or condition.type
  if condition.message == nil or condition.message == "" then
    return reason
  end
  return reason .. ": " .. condition.message
end

local ready = find("Ready")
local stalled = find("Stalled")
local reconciling = find("Reconciling")
local is_deleted = obj.metadata.deletionTimestamp ~= nil

-- The spec decides this, even before the operator has observed it. Suspension does not block a deletion.
if obj.spec.suspend == true and not is_deleted then
  local message = "Suspended: `spec.suspend` is true, and nothing is written to AWS"
  if ready ~= nil then
    message = message .. "; Ready is " .. ready.status .. ": " .. words(ready)
  end
  return { status = "Suspended", message = message }
end

if stalled ~= nil and stalled.status == "True" then
  if stalled.reason == "AwaitingApproval" then
    return { status = "Suspended", message = words(stalled) }
  end
  return { status = "Degraded", message = words(stalled) }
end

if is_deleted then
  if ready ~= nil and ready.status ~= "True" then
    return { status = "Progressing", message = words(ready) }
  end
  return { status = "Progressing", message = "Deleting: waiting for the operator" }
end

if reconciling ~= nil and reconciling.status == "True" then
  return { status = "Progressing", message = words(reconciling) }
end

if ready == nil then
  return { status = "Progressing", message = "Waiting for the operator to observe this generation" }
end
if ready.status == "True" then
  return { status = "Healthy", message = words(ready) }
end
return { status = "Progressing", message = words(ready) }
