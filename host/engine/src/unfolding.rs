//! What the instances within a component become when they are written out. Few bytes can stand for very much: sixty components
//! that each make two instances of the one before stand for 2^60 of them. Here this is reckoned with shares instead of copies,
//! before wasmtime makes the copies.

use std::collections::HashMap;
use std::rc::Rc;

use mynah_model::refusal::{Code, Refusal};
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExport, ComponentExternalKind, ComponentInstance,
    ComponentInstantiationArg, ComponentOuterAliasKind, Instance, Payload,
};

use crate::limits::{COMPONENTS, Limits, UNFOLDED};

/// What is written of components and their instances, in a component and in those that stand in it.
pub(crate) struct Outline<'a> {
    bodies: Vec<Body<'a>>,
    /// The bodies that are being read, the outermost first.
    open: Vec<usize>,
    /// How many instances are to be made of components, and of modules.
    instantiations: usize,
    core_instantiations: usize,
    /// How much of it was kept.
    items: u64,
}

/// What one component consists of.
#[derive(Default)]
struct Body<'a> {
    steps: Vec<Step<'a>>,
    /// What it uses of the components around it.
    captures: Vec<Capture>,
}

/// Where a captured thing is found when the component that captures it is defined.
#[derive(Clone, Copy)]
enum Capture {
    /// A component of the one that defines.
    Component(u32),
    /// What the one that defines captured itself.
    Captured(usize),
    /// A module, in which nothing can unfold.
    Module,
}

/// What adds to the components or instances that a body may name by their number.
enum Step<'a> {
    Define(usize),
    Captured(usize),
    Component(u32),
    Import(ComponentExternalKind, &'a str),
    Instantiate { component: u32, arguments: Vec<Item<'a>> },
    Bundle(Vec<Item<'a>>),
    Alias { kind: ComponentExternalKind, instance: u32, name: &'a str },
    Export(Item<'a>),
}

/// Something under a name.
struct Item<'a> {
    name: &'a str,
    kind: ComponentExternalKind,
    index: u32,
}

impl<'a> Outline<'a> {
    pub(crate) fn new() -> Self {
        Self {
            bodies: vec![Body::default()],
            open: vec![0],
            instantiations: 0,
            core_instantiations: 0,
            items: 0,
        }
    }

    /// Takes what the next part of a component says of components and instances. A part of a module says nothing of them.
    pub(crate) fn read(&mut self, payload: &Payload<'a>) -> Result<Result<(), Refusal>, BinaryReaderError> {
        match payload {
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    self.step(Step::Import(import.ty.kind(), import.name.name));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    if let Err(refusal) = self.alias(alias?) {
                        return Ok(Err(refusal));
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    self.instance(instance?);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section.clone() {
                    let made = matches!(instance?, Instance::Instantiate { .. });
                    self.core_instantiations += usize::from(made);
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export?;
                    let (name, kind, index) = (export.name.name, export.kind, export.index);
                    self.step(Step::Export(Item { name, kind, index }));
                }
            }
            _ => {}
        }
        Ok(if self.items > UNFOLDED { Err(too_large()) } else { Ok(()) })
    }

    /// A component begins within the one that was read so far.
    pub(crate) fn enter(&mut self) {
        let body = self.bodies.len();
        self.bodies.push(Body::default());
        self.step(Step::Define(body));
        self.open.push(body);
    }

    /// The component that was read ends.
    pub(crate) fn leave(&mut self) {
        self.open.pop();
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), Refusal> {
        match alias {
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                self.step(Step::Alias { kind, instance: instance_index, name });
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count: 0, index } => {
                self.step(Step::Component(index));
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                let captured = self.capture(count, Capture::Component(index))?;
                self.step(Step::Captured(captured));
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, .. } if count > 0 => {
                self.capture(count, Capture::Module)?;
            }
            ComponentAlias::Outer { .. } | ComponentAlias::CoreInstanceExport { .. } => {}
        }
        Ok(())
    }

    fn instance(&mut self, instance: ComponentInstance<'a>) {
        let (component, items): (_, Vec<Item<'a>>) = match instance {
            ComponentInstance::Instantiate { component_index, args } => {
                let item = |arg: &ComponentInstantiationArg<'a>| Item {
                    name: arg.name,
                    kind: arg.kind,
                    index: arg.index,
                };
                (Some(component_index), args.iter().map(item).collect())
            }
            ComponentInstance::FromExports(exports) => {
                let item = |export: &ComponentExport<'a>| Item {
                    name: export.name.name,
                    kind: export.kind,
                    index: export.index,
                };
                (None, exports.iter().map(item).collect())
            }
        };
        self.items = self.items.saturating_add(items.len() as u64);
        self.instantiations += usize::from(component.is_some());
        self.step(match component {
            Some(component) => Step::Instantiate { component, arguments: items },
            None => Step::Bundle(items),
        });
    }

    /// Has each component between this one and the one so many levels around it capture what is there; the number under which
    /// this one knows it.
    fn capture(&mut self, levels: u32, there: Capture) -> Result<usize, Refusal> {
        let from = self.open.len().checked_sub(levels as usize).filter(|from| *from > 0);
        let from = from.ok_or_else(|| damaged("names a component around it that is not there"))?;
        let (mut capture, mut number) = (there, 0);
        for body in self.open.iter().skip(from) {
            let Some(body) = self.bodies.get_mut(*body) else { continue };
            number = body.captures.len();
            body.captures.push(capture);
            self.items = self.items.saturating_add(1);
            capture = Capture::Captured(number);
        }
        Ok(number)
    }

    fn step(&mut self, step: Step<'a>) {
        self.items = self.items.saturating_add(1);
        let open = self.open.last().copied();
        if let Some(body) = open.and_then(|body| self.bodies.get_mut(body)) {
            body.steps.push(step);
        }
    }

    /// Checks how much is written, then reckons what it unfolds into. What is written counts even if no instance is made of it:
    /// it is validated all the same.
    ///
    /// # Errors
    /// `limit.instances` if there are or would be more components or instances than allowed, or more things in instances than
    /// [`UNFOLDED`]; `component.invalid` if it names what is not there.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        at_most("components in all", self.bodies.len(), COMPONENTS)?;
        at_most("instances of components to make", self.instantiations, limits.components)?;
        at_most("core instances to make", self.core_instantiations, limits.instances)?;
        let whole = Definition { body: 0, captured: Vec::new(), weight: 1 };
        let mut unfolding = Unfolding { outline: self, most: limits.components, instances: 0, spent: 0 };
        unfolding.instantiate(&whole, &HashMap::new())?;
        Ok(())
    }
}

/// What a number or a name stands for, as far as something can unfold in it.
#[derive(Clone)]
enum Value<'a> {
    Component(Rc<Definition<'a>>),
    Instance(Rc<Exports<'a>>),
    /// Whatever else there is; also what comes from the host, which is copied as a name.
    Leaf,
}

/// A component and what it captured.
struct Definition<'a> {
    body: usize,
    captured: Vec<Value<'a>>,
    weight: u64,
}

/// What an instance gives.
#[derive(Default)]
struct Exports<'a> {
    values: HashMap<&'a str, Value<'a>>,
    weight: u64,
}

impl Value<'_> {
    /// How many things are copied with it.
    fn weight(&self) -> u64 {
        match self {
            Self::Component(definition) => definition.weight,
            Self::Instance(exports) => exports.weight.saturating_add(1),
            Self::Leaf => 1,
        }
    }
}

impl<'a> Exports<'a> {
    fn add(&mut self, name: &'a str, value: Value<'a>) {
        self.weight = self.weight.saturating_add(value.weight());
        if !matches!(value, Value::Leaf) {
            self.values.insert(name, value);
        }
    }
}

/// The components and instances that one instance of a component can name by their number.
#[derive(Default)]
struct Scope<'a> {
    components: Vec<Value<'a>>,
    instances: Vec<Value<'a>>,
}

impl<'a> Scope<'a> {
    fn find(&self, kind: ComponentExternalKind, index: u32) -> Result<Value<'a>, Refusal> {
        let (found, what) = match kind {
            ComponentExternalKind::Component => (self.components.get(index as usize), "a component"),
            ComponentExternalKind::Instance => (self.instances.get(index as usize), "an instance"),
            _ => return Ok(Value::Leaf),
        };
        found.cloned().ok_or_else(|| damaged(&format!("names {what} that is not there")))
    }

    fn push(&mut self, kind: ComponentExternalKind, value: Value<'a>) {
        match kind {
            ComponentExternalKind::Component => self.components.push(value),
            ComponentExternalKind::Instance => self.instances.push(value),
            _ => {}
        }
    }
}

struct Unfolding<'o, 'a> {
    outline: &'o Outline<'a>,
    most: usize,
    instances: usize,
    /// How many things were copied so far.
    spent: u64,
}

impl<'a> Unfolding<'_, 'a> {
    /// What an instance of a component gives. Calls itself at most as often as there may be instances.
    fn instantiate(
        &mut self,
        definition: &Definition<'a>,
        arguments: &HashMap<&'a str, Value<'a>>,
    ) -> Result<Exports<'a>, Refusal> {
        self.instances += 1;
        if self.instances > self.most {
            return Err(Refusal::new(
                Code::LimitInstances,
                format!("the component unfolds into more than {} instances of components", self.most),
            ));
        }
        let outline = self.outline;
        let Some(body) = outline.bodies.get(definition.body) else { return Ok(Exports::default()) };
        let mut scope = Scope::default();
        let mut exports = Exports::default();
        for step in &body.steps {
            self.spend(1)?;
            match step {
                Step::Define(body) => {
                    let defined = self.define(*body, definition, &scope)?;
                    scope.components.push(Value::Component(Rc::new(defined)));
                }
                Step::Captured(number) => {
                    let captured = definition.captured.get(*number).cloned().unwrap_or(Value::Leaf);
                    self.spend(captured.weight())?;
                    scope.components.push(captured);
                }
                Step::Component(index) => {
                    let component = scope.find(ComponentExternalKind::Component, *index)?;
                    self.spend(component.weight())?;
                    scope.components.push(component);
                }
                Step::Import(kind, name) => {
                    let argument = arguments.get(name).cloned().unwrap_or(Value::Leaf);
                    self.spend(argument.weight())?;
                    scope.push(*kind, argument);
                }
                Step::Instantiate { component, arguments } => {
                    let component = scope.find(ComponentExternalKind::Component, *component)?;
                    let arguments = self.bundle(arguments, &scope)?;
                    let Value::Component(component) = component else {
                        return Err(damaged("makes an instance of a component that it only imports"));
                    };
                    let made = self.instantiate(&component, &arguments.values)?;
                    scope.instances.push(Value::Instance(Rc::new(made)));
                }
                Step::Bundle(items) => {
                    let bundle = self.bundle(items, &scope)?;
                    scope.instances.push(Value::Instance(Rc::new(bundle)));
                }
                Step::Alias { kind, instance, name } => {
                    let found = match scope.find(ComponentExternalKind::Instance, *instance)? {
                        Value::Instance(exports) => exports.values.get(name).cloned(),
                        Value::Component(_) | Value::Leaf => None,
                    };
                    let found = found.unwrap_or(Value::Leaf);
                    self.spend(found.weight())?;
                    scope.push(*kind, found);
                }
                Step::Export(item) => {
                    let value = scope.find(item.kind, item.index)?;
                    // Once for its name, and once for the number that it has from here on.
                    self.spend(value.weight().saturating_mul(2))?;
                    scope.push(item.kind, value.clone());
                    exports.add(item.name, value);
                }
            }
        }
        Ok(exports)
    }

    fn define(
        &mut self,
        body: usize,
        around: &Definition<'a>,
        scope: &Scope<'a>,
    ) -> Result<Definition<'a>, Refusal> {
        let mut defined = Definition { body, captured: Vec::new(), weight: 1 };
        for capture in self.outline.bodies.get(body).map_or(&[][..], |body| &body.captures) {
            let value = match *capture {
                Capture::Component(index) => scope.find(ComponentExternalKind::Component, index)?,
                Capture::Captured(number) => around.captured.get(number).cloned().unwrap_or(Value::Leaf),
                Capture::Module => Value::Leaf,
            };
            self.spend(value.weight())?;
            defined.weight = defined.weight.saturating_add(value.weight());
            defined.captured.push(value);
        }
        Ok(defined)
    }

    fn bundle(&mut self, items: &[Item<'a>], scope: &Scope<'a>) -> Result<Exports<'a>, Refusal> {
        let mut bundle = Exports::default();
        for item in items {
            let value = scope.find(item.kind, item.index)?;
            self.spend(value.weight())?;
            bundle.add(item.name, value);
        }
        Ok(bundle)
    }

    fn spend(&mut self, weight: u64) -> Result<(), Refusal> {
        self.spent = self.spent.saturating_add(weight);
        if self.spent > UNFOLDED { Err(too_large()) } else { Ok(()) }
    }
}

/// # Errors
/// `limit.instances` if a component has more of something than it may have.
pub(crate) fn at_most(what: &str, number: usize, most: usize) -> Result<(), Refusal> {
    if number <= most {
        return Ok(());
    }
    Err(Refusal::new(Code::LimitInstances, format!("the component has {number} {what}; it may have {most}")))
}

fn too_large() -> Refusal {
    Refusal::new(
        Code::LimitInstances,
        format!("the component unfolds into instances within instances of more than {UNFOLDED} things"),
    )
}

fn damaged(what: &str) -> Refusal {
    Refusal::new(Code::ComponentInvalid, format!("the component {what}"))
}
