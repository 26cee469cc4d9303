//! Components from WebAssembly text: a core module for the contract's world, made into a component.

use std::sync::OnceLock;

use mynah_model::address::ChatKind;
use mynah_model::event::EventKind;
use mynah_model::script::{Command, Filter, ScriptInfo};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// Where what `describe` returns stands in the guest's memory. Below it the guest may use the first page.
const INFO: u32 = 65_536;

/// A guest in the making. Its `handle` returns an empty answer until it is given another body.
pub(crate) struct Guest {
    info: ScriptInfo,
    imports: String,
    handle: String,
    describe: String,
    realloc: String,
    pages: u32,
    items: String,
}

impl Guest {
    /// A guest that wants everything and does nothing.
    pub(crate) fn new() -> Self {
        Self {
            info: ScriptInfo { name: "guest".into(), ..ScriptInfo::default() },
            imports: String::new(),
            handle: NOTHING.into(),
            describe: format!("i32.const {INFO}"),
            realloc: REALLOC.into(),
            pages: 8,
            items: String::new(),
        }
    }

    /// What it says of itself.
    pub(crate) fn info(mut self, info: ScriptInfo) -> Self {
        self.info = info;
        self
    }

    /// An imported function, for example `"mynah:script/clock@0.1.0" "now" (func $now (result i64))`.
    pub(crate) fn import(mut self, import: &str) -> Self {
        self.imports.push_str(&format!("(import {import})\n"));
        self
    }

    /// The body of `handle`: leaves the address of the result on the stack.
    pub(crate) fn handle(mut self, body: &str) -> Self {
        self.handle = body.into();
        self
    }

    /// The body of `describe`, in the place of what returns the info.
    pub(crate) fn describe(mut self, body: &str) -> Self {
        self.describe = body.into();
        self
    }

    /// The body of what the host asks for room: leaves an address on the stack.
    #[allow(dead_code, reason = "this file is a part of two crates of tests")]
    pub(crate) fn realloc(mut self, body: &str) -> Self {
        self.realloc = body.into();
        self
    }

    /// The pages of 64 KiB that its memory begins with, instead of 8.
    #[allow(dead_code, reason = "this file is a part of two crates of tests")]
    pub(crate) fn pages(mut self, pages: u32) -> Self {
        self.pages = pages;
        self
    }

    /// More of the module: functions, data, a start function.
    pub(crate) fn item(mut self, item: &str) -> Self {
        self.items.push_str(item);
        self.items.push('\n');
        self
    }

    /// The component.
    pub(crate) fn build(&self) -> Vec<u8> {
        let info = Encoder::encode(&self.info);
        let (address, bytes) = info;
        let describe = self.describe.replace(&format!("i32.const {INFO}"), &format!("i32.const {address}"));
        let data: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        let text = format!(
            r#"(module
                {imports}
                (memory (export "memory") {pages})
                (global $next (mut i32) (i32.const 262144))
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32) {realloc})
                (func (export "describe") (result i32) {describe})
                (func (export "handle") (param $event i32) (result i32) {handle})
                (data (i32.const {INFO}) "{data}")
                {items}
            )"#,
            imports = self.imports,
            realloc = self.realloc,
            pages = self.pages,
            handle = self.handle,
            items = self.items,
        );
        let mut module = wat::parse_str(text).unwrap();
        let (resolve, world) = contract();
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }
}

/// Room after all room that was given before.
const REALLOC: &str = "
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at)";

/// The result `ok` with an empty list: all zeroes.
pub(crate) const NOTHING: &str = "i32.const 64";

/// What a script says that wants these filters and has these commands.
pub(crate) fn wants(wants: Vec<Filter>, commands: Vec<Command>) -> ScriptInfo {
    ScriptInfo { name: "guest".into(), wants, commands, ..ScriptInfo::default() }
}

/// The contract's world, with the one wasi interface besides that these guests use.
fn contract() -> &'static (Resolve, WorldId) {
    static CONTRACT: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let mut resolve = Resolve::default();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1");
        resolve.push_dir(folder).unwrap();
        let mut world = None;
        for text in [
            "package wasi:io@0.2.0; interface streams { resource output-stream; }",
            "package wasi:cli@0.2.0; interface stdout {
                use wasi:io/streams@0.2.0.{output-stream};
                get-stdout: func() -> output-stream;
            }",
            "package tests:guests; world guest {
                include mynah:script/script@0.1.0;
                import wasi:cli/stdout@0.2.0;
            }",
        ] {
            world = Some(resolve.push_str("guests.wit", text).unwrap());
        }
        let world = resolve.select_world(&[world.unwrap()], Some("guest")).unwrap();
        (resolve, world)
    })
}

/// Writes a value as the component model lays it out in memory.
struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// The address of the record, and the bytes from [`INFO`] on.
    fn encode(info: &ScriptInfo) -> (u32, Vec<u8>) {
        let mut encoder = Self { bytes: Vec::new() };
        let mut record = Vec::new();
        record.extend(encoder.text(&info.name));
        record.extend(encoder.text(&info.version));
        record.extend(encoder.text(&info.summary));
        match &info.settings_schema {
            Some(schema) => {
                record.extend([1, 0, 0, 0]);
                record.extend(encoder.text(schema));
            }
            None => record.extend([0; 12]),
        }
        let commands: Vec<_> = info.commands.iter().map(|command| encoder.command(command)).collect();
        record.extend(encoder.list(&commands));
        let wants: Vec<_> = info.wants.iter().map(|filter| encoder.filter(filter)).collect();
        record.extend(encoder.list(&wants));
        record.extend([0; 16]);
        (encoder.put(&record), encoder.bytes)
    }

    fn command(&mut self, command: &Command) -> Vec<u8> {
        let aliases: Vec<_> = command.aliases.iter().map(|alias| self.text(alias)).collect();
        let mut record = Vec::new();
        record.extend(self.text(&command.name));
        record.extend(self.list(&aliases));
        record.extend(self.text(&command.usage));
        record.extend(self.text(&command.help));
        record.extend([command.role as u8, 0, 0, 0]);
        record
    }

    fn filter(&mut self, filter: &Filter) -> Vec<u8> {
        let place = |all: &[EventKind], kind| all.iter().position(|known| known == kind).unwrap() as u8;
        let events: Vec<_> = filter.events.iter().map(|kind| vec![place(&EventKind::ALL, kind)]).collect();
        let chats =
            [ChatKind::Friend, ChatKind::Group, ChatKind::Discuss, ChatKind::Temporary, ChatKind::Other];
        let chats: Vec<_> = filter
            .chats
            .iter()
            .map(|kind| vec![chats.iter().position(|known| known == kind).unwrap() as u8])
            .collect();
        let commands: Vec<_> = filter.commands.iter().map(|word| self.text(word)).collect();
        let sets: Vec<_> = filter.pattern_sets.iter().map(|set| self.text(set)).collect();
        let mut record = Vec::new();
        record.extend(self.list(&events));
        record.extend(self.list(&chats));
        record.extend(self.list(&commands));
        record.extend(self.list(&sets));
        record.extend([0; 8]);
        record
    }

    fn text(&mut self, text: &str) -> Vec<u8> {
        let address = self.put(text.as_bytes());
        pair(address, text.len())
    }

    fn list(&mut self, elements: &[Vec<u8>]) -> Vec<u8> {
        let address = self.put(&elements.concat());
        pair(address, elements.len())
    }

    fn put(&mut self, bytes: &[u8]) -> u32 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let address = INFO + self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        address
    }
}

fn pair(address: u32, len: usize) -> Vec<u8> {
    [address.to_le_bytes(), (len as u32).to_le_bytes()].concat()
}
