-- Which actions a MigrationNetwork offers now: the one of `suspend` and `resume` that would change something.
-- Suspension does not hold up a deletion, so a network that is being deleted offers neither.

local is_deleted = obj.metadata.deletionTimestamp ~= nil
local is_suspended = obj.spec.suspend == true

return {
  suspend = { disabled = is_deleted or is_suspended, iconClass = "fa fa-fw fa-pause" },
  resume = { disabled = is_deleted or not is_suspended, iconClass = "fa fa-fw fa-play" },
}
