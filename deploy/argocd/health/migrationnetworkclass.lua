-- The health of a MigrationNetworkClass for Argo CD. `Accepted` is true when the operator has reached the account.
--
-- False means that a user has to act; Unknown means that the operator tries again. Conditions of another generation do not count.
-- Plain Lua 5.1, with only the libraries that Argo CD provides: the base library and `table`.

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

return { status = "Progressing", message = "Waiting for the operator to observe this generation" }
