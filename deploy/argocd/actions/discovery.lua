-- The actions that a MigrationNetwork offers now: either `reconcile` and `suspend`, or `resume`; and `approve-plan` while a plan of
-- this generation waits for approval and `managementPolicy` is not 'Enforce' yet. A network that is being deleted offers only
-- `reconcile`.

local is_deleted = obj.metadata.deletionTimestamp ~= nil
local is_suspended = obj.spec.suspend == true

local awaits_approval = false
local status = obj.status or {}
if status.observedGeneration ~= nil and status.observedGeneration == obj.metadata.generation then
  for _, condition in ipairs(status.conditions or {}) do
    if condition.type == "Stalled" and condition.status == "True" and condition.reason == "AwaitingApproval" then
      awaits_approval = obj.spec.managementPolicy ~= "Enforce"
    end
  end
end

return {
  reconcile = { disabled = is_suspended and not is_deleted, iconClass = "fa fa-fw fa-redo" },
  suspend = { disabled = is_deleted or is_suspended, iconClass = "fa fa-fw fa-pause" },
  ["approve-plan"] = { disabled = is_deleted or not awaits_approval, iconClass = "fa fa-fw fa-check" },
  resume = { disabled = is_deleted or not is_suspended, iconClass = "fa fa-fw fa-play" },
}
