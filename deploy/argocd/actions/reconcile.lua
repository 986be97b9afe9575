-- Requests a reconcile now. When it has ended, `status.lastHandledReconcileAt` has the value of the annotation.

local os = require("os")

if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["mgnet.dev/reconcile-at"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
