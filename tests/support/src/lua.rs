//! A Lua 5.1 engine with the restrictions that Argo CD applies to scripts (argo-cd `util/lua/lua.go`): the base library
//! and `table`, the module `os` with only `time` and `date`, the object in the global `obj`, and tables that become JSON by
//! the rules of gopher-json.
//!
//! Argo CD's own engine, gopher-lua, accepts more than Lua 5.1 (`goto`), so a script that runs here runs there, too.

use anyhow::{Context as _, Result, ensure};
use mlua::serde::{DeserializeOptions, SerializeOptions};
use mlua::{Function, Lua, LuaOptions, LuaSerdeExt as _, StdLib, Table};
use serde::Deserialize;
use serde_json::Value;

use crate::kubernetes::repository;

/// The health that a script returns.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The health status.
    pub status: HealthStatus,
    /// The message.
    pub message: String,
}

/// The health statuses that Argo CD accepts. It converts every other one to Unknown.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum HealthStatus {
    /// The object is complete.
    Healthy,
    /// Work is in progress.
    Progressing,
    /// The object waits for a decision of the user.
    Suspended,
    /// The object waits until a person solves a problem.
    Degraded,
}

/// A script, ready to run.
pub struct Script {
    lua: Lua,
    chunk: Function,
}

impl Script {
    /// Loads a script of `deploy/argocd`.
    pub fn of(file: &str) -> Result<Self> {
        let path = repository().join("deploy/argocd").join(file);
        Self::new(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)
    }

    /// Loads a script from its text.
    pub fn new(source: &str) -> Result<Self> {
        let lua = Lua::new_with(StdLib::TABLE | StdLib::OS, LuaOptions::default())?;
        restrict(&lua)?;
        for absent in ["string", "math", "io", "os"] {
            ensure!(lua.globals().get::<Option<mlua::Value>>(absent)?.is_none(), "`{absent}` must not be available");
        }
        let chunk = lua.load(source).into_function()?;
        Ok(Self { lua, chunk })
    }

    /// Runs the script on an object and returns its result.
    pub fn run(&self, object: &Value) -> Result<Value> {
        let to = SerializeOptions::new()
            .set_array_metatable(false)
            .serialize_none_to_null(false)
            .serialize_unit_to_null(false);
        self.lua.globals().set("obj", self.lua.to_value_with(object, to)?)?;
        let answer: mlua::Value = self.chunk.call(())?;
        ensure!(answer.is_table(), "the script must return a table, not {}", answer.type_name());
        let from = DeserializeOptions::new().encode_empty_tables_as_array(true);
        Ok(self.lua.from_value_with(answer, from)?)
    }

    /// Returns the health that the script computes for an object.
    pub fn health(&self, object: &Value) -> Result<Health> {
        let answer = self.run(object)?;
        serde_json::from_value(answer.clone()).with_context(|| format!("the result is not a health: {answer}"))
    }
}

/// Replaces the library `os` by `require("os")`, with the functions that Argo CD allows (argo-cd `util/lua/oslib_safe.go`). It is
/// no global there.
fn restrict(lua: &Lua) -> Result<()> {
    let globals = lua.globals();
    let (all, allowed) = (globals.get::<Table>("os")?, lua.create_table()?);
    for function in ["time", "date"] {
        allowed.set(function, all.get::<Function>(function)?)?;
    }
    let require = lua.create_function(move |_, module: String| {
        let found = (module == "os").then(|| allowed.clone());
        found.ok_or_else(|| mlua::Error::runtime(format!("module {module} not found")))
    })?;
    globals.set("os", mlua::Nil)?;
    globals.set("require", require)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_lua_5_1_without_features_of_later_versions() -> Result<()> {
        assert_eq!(Script::new("return { version = _VERSION }")?.run(&Value::Null)?["version"], "Lua 5.1");
        assert!(Script::new("goto done ::done:: return {}").is_err(), "Lua 5.1 has no goto");
        assert!(Script::new("return { length = ('text'):len() }")?.run(&Value::Null).is_err(), "there is no `string`");
        Ok(())
    }

    #[test]
    fn only_the_time_is_available_of_the_operating_system() -> Result<()> {
        let time =
            Script::new("return { now = require('os').date('!%Y'), exit = require('os').exit }")?.run(&Value::Null)?;
        assert_eq!(time.as_object().map(serde_json::Map::len), Some(1), "{time}");
        assert!(Script::new("return { now = os.time() }")?.run(&Value::Null).is_err(), "`os` is no global");
        assert!(Script::new("return require('io')")?.run(&Value::Null).is_err());
        Ok(())
    }

    #[test]
    fn an_empty_table_becomes_a_list_as_in_argo_cd() -> Result<()> {
        let object = serde_json::json!({ "spec": {}, "list": [], "null": null, "number": 3 });
        let answer = Script::new("return obj")?.run(&object)?;
        assert_eq!(answer, serde_json::json!({ "spec": [], "list": [], "number": 3 }));
        Ok(())
    }
}
