-- The health of a MigrationNetworkClass for Argo CD: whether its account was reached, as `Accepted` says.
--
-- False means that somebody has to act, Unknown that AWS is asked again. What was said about another generation of
-- it does not count. Plain Lua 5.1, with no more than Argo CD opens to scripts: the base library and `table`.

local generation = obj.metadata.generation
local status = obj.status or {}
local is_seen = status.observedGeneration ~= nil and status.observedGeneration == generation

if obj.metadata.deletionTimestamp ~= nil then
  return { status = "Progressing", message = "Deleting: waiting for those who hold a finalizer" }
end

for _, condition in ipairs(is_seen and status.conditions or {}) do
  local about = condition.observedGeneration or status.observedGeneration
  if condition.type == "Accepted" and about == generation then
    local message = condition.reason or condition.type
    if condition.message ~= nil and condition.message ~= "" then
      message = message .. ": " .. condition.message
    end
    if condition.status == "True" then
      return { status = "Healthy", message = message }
    elseif condition.status == "False" then
      return { status = "Degraded", message = message }
    end
    return { status = "Progressing", message = message }
  end
end

return { status = "Progressing", message = "Waiting for the operator to look at this generation" }
