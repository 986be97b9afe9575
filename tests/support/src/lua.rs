//! A Lua 5.1 as poor as the one that Argo CD gives to scripts (argo-cd `util/lua/lua.go`): the base library and `table`,
//! the object in the global `obj`, tables that become JSON the way gopher-json does it.
//!
//! Argo CD's own engine, gopher-lua, accepts more than Lua 5.1 (`goto`), so what runs here runs there.

use anyhow::{Context as _, Result, ensure};
use mlua::serde::{DeserializeOptions, SerializeOptions};
use mlua::{Function, Lua, LuaOptions, LuaSerdeExt as _, StdLib};
use serde::Deserialize;
use serde_json::Value;

use crate::kubernetes::repository;

/// The health that a script gives.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// The word.
    pub status: HealthStatus,
    /// The words.
    pub message: String,
}

/// The words that Argo CD takes; it makes Unknown of every other.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub enum HealthStatus {
    /// It is complete.
    Healthy,
    /// It is at work.
    Progressing,
    /// It waits for a word.
    Suspended,
    /// It waits for somebody to mend something.
    Degraded,
}

/// A script, ready to run.
pub struct Script {
    lua: Lua,
    chunk: Function,
}

impl Script {
    /// A script of `deploy/argocd`.
    pub fn of(file: &str) -> Result<Self> {
        let path = repository().join("deploy/argocd").join(file);
        Self::new(&std::fs::read_to_string(&path).with_context(|| path.display().to_string())?)
    }

    /// A script by its text.
    pub fn new(source: &str) -> Result<Self> {
        let lua = Lua::new_with(StdLib::TABLE, LuaOptions::default())?;
        for absent in ["string", "math", "io", "os", "require"] {
            ensure!(lua.globals().get::<Option<mlua::Value>>(absent)?.is_none(), "`{absent}` must not be open");
        }
        let chunk = lua.load(source).into_function()?;
        Ok(Self { lua, chunk })
    }

    /// What the script makes of an object.
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

    /// The health that the script gives to an object.
    pub fn health(&self, object: &Value) -> Result<Health> {
        let answer = self.run(object)?;
        serde_json::from_value(answer.clone()).with_context(|| format!("not a health: {answer}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_is_lua_5_1_without_its_later_words() -> Result<()> {
        assert_eq!(Script::new("return { version = _VERSION }")?.run(&Value::Null)?["version"], "Lua 5.1");
        assert!(Script::new("goto done ::done:: return {}").is_err(), "Lua 5.1 has no goto");
        assert!(Script::new("return { length = ('text'):len() }")?.run(&Value::Null).is_err(), "there is no `string`");
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
