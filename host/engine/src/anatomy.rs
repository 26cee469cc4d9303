//! What a component is made of, read from its bytes in one pass before anything is validated or compiled. Each number and
//! each text taken from it is bounded here, because nobody else has looked at it yet.

use mynah_model::refusal::{Code, Refusal};
use wasmparser::{
    BinaryReader, BinaryReaderError, BlockType, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeDeclaration, ComponentTypeRef, Encoding,
    FunctionBody, Operator, Parser, Payload, TypeBounds,
};

use crate::fault::cut;
use crate::limits::{
    CODE_WEIGHT, FUNCTION_WEIGHT, IMPORT_NAME, IMPORTS, Limits, NESTING, TYPE_INSTANCES, TYPES_AROUND,
};
use crate::unfolding::{Outline, at_most};

/// What is known of a component before it is compiled.
pub(crate) struct Anatomy<'a> {
    /// The names of what it imports, in its own order.
    pub(crate) imports: Vec<String>,
    /// The components and instances in it.
    outline: Outline<'a>,
    types: Types,
    /// What its functions weigh; see [`weight`].
    weight: u64,
}

impl<'a> Anatomy<'a> {
    /// Reads a component. Also finds what is not one, or not all of one.
    ///
    /// # Errors
    /// `component.invalid`, `limit.size`, `limit.instances`.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        if !bytes.starts_with(b"\0asm") {
            let text = if bytes.is_empty() { "the file is empty" } else { "the file is not WebAssembly" };
            return Err(invalid(text.to_owned()));
        }
        let mut anatomy =
            Self { imports: Vec::new(), outline: Outline::new(), types: Types::default(), weight: 0 };
        // Which of the modules and components around the place being read are components.
        let mut around: Vec<bool> = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.map_err(|error| damaged(&error))?;
            anatomy.outline.read(&payload).map_err(|error| damaged(&error))??;
            match payload {
                Payload::Version { encoding: Encoding::Module, .. } if around.is_empty() => {
                    return Err(invalid(
                        "the file is a plain WebAssembly module, not a component".to_owned(),
                    )
                    .hint("build it for wasm32-wasip2, or with `mynah build`"));
                }
                Payload::ModuleSection { .. } => around.push(false),
                Payload::ComponentSection { .. } => {
                    around.push(true);
                    check_nesting(around.len())?;
                    anatomy.outline.enter();
                }
                Payload::CodeSectionEntry(body) => {
                    anatomy.function(weight(&body).map_err(|error| damaged(&error))?)?;
                }
                Payload::ComponentTypeSection(section) => {
                    let range = section.range();
                    let types = bytes.get(range.clone()).unwrap_or_default();
                    let section = BinaryReader::new(types, range.start);
                    anatomy.types.read(section).map_err(|error| damaged(&error))??;
                }
                Payload::ComponentAliasSection(section) => {
                    for alias in section {
                        let alias = alias.map_err(|error| damaged(&error))?;
                        anatomy.types.far += usize::from(is_of_type_around(&alias, 1));
                    }
                }
                Payload::End(_) if around.pop() == Some(true) => anatomy.outline.leave(),
                Payload::ComponentImportSection(section) if around.is_empty() => {
                    for import in section {
                        let import = import.map_err(|error| damaged(&error))?;
                        // A type that the world names (`event`) stands among the imports and asks for nothing.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            anatomy.import(import.name.name)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(anatomy)
    }

    /// Checks that what its types and instances unfold into can be validated in a moment.
    ///
    /// # Errors
    /// `limit.instances`, `component.invalid`.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), Refusal> {
        at_most("instances in its types", self.types.instances, TYPE_INSTANCES)?;
        at_most("types of components around", self.types.far, TYPES_AROUND)?;
        self.outline.check(limits)
    }

    fn function(&mut self, weight: u64) -> Result<(), Refusal> {
        self.weight = self.weight.saturating_add(weight);
        let (what, weight, most) = if weight > FUNCTION_WEIGHT {
            ("a function", weight, FUNCTION_WEIGHT)
        } else if self.weight > CODE_WEIGHT {
            ("the component", self.weight, CODE_WEIGHT)
        } else {
            return Ok(());
        };
        Err(Refusal::new(
            Code::LimitSize,
            format!(
                "{what} has {weight} pairs of a local and a branch; it may have {most}, as each takes time to compile"
            ),
        ))
    }

    fn import(&mut self, name: &str) -> Result<(), Refusal> {
        if name.len() > IMPORT_NAME {
            let (start, len) = (cut(name.to_owned(), 40), name.len());
            return Err(invalid(format!(
                "the component imports something whose name (`{start}`) has {len} bytes; it may have {IMPORT_NAME}"
            )));
        }
        if self.imports.len() == IMPORTS {
            return Err(invalid(format!("the component imports more than {IMPORTS} things")));
        }
        self.imports.push(name.to_owned());
        Ok(())
    }
}

/// What there is in the types of a component that is walked through again wherever it is named.
#[derive(Default)]
struct Types {
    /// Instances and components that types speak of.
    instances: usize,
    /// How often a type of a component around is named.
    far: usize,
}

impl Types {
    /// Walks a section of types. The parser follows types within types by calling itself, so that some kilobytes of them take
    /// all of a thread's stack: here each level is a number in a list.
    fn read(&mut self, mut section: BinaryReader<'_>) -> Result<Result<(), Refusal>, BinaryReaderError> {
        /// What stands before the declarations of a component's or an instance's type, and before a type among them.
        const COMPONENT: u8 = 0x41;
        const INSTANCE: u8 = 0x42;
        const TYPE: u8 = 0x01;
        let peek = |section: &BinaryReader<'_>| section.clone().read_u8();
        // How many types or declarations are still to come, on each level, and whether it is a component's.
        let mut left = vec![(section.read_var_u32()?, true)];
        while let Some((here, _)) = left.last_mut() {
            let Some(fewer) = here.checked_sub(1) else {
                left.pop();
                continue;
            };
            *here = fewer;
            if left.len() > 1 {
                if peek(&section)? != TYPE {
                    let declaration = section.read::<ComponentTypeDeclaration<'_>>()?;
                    // How many levels out the first component ends.
                    let edge = left.iter().rev().position(|(_, component)| *component).unwrap_or_default();
                    self.declaration(&declaration, edge + 1);
                    continue;
                }
                section.read_u8()?;
            }
            let lead = peek(&section)?;
            if matches!(lead, COMPONENT | INSTANCE) {
                section.read_u8()?;
                left.push((section.read_var_u32()?, lead == COMPONENT));
                if let Err(refusal) = check_nesting(left.len()) {
                    return Ok(Err(refusal));
                }
            } else {
                section.read::<ComponentType<'_>>()?;
            }
        }
        Ok(Ok(()))
    }

    fn declaration(&mut self, declaration: &ComponentTypeDeclaration<'_>, edge: usize) {
        let named = match declaration {
            ComponentTypeDeclaration::Export { ty, .. } => ty,
            ComponentTypeDeclaration::Import(import) => &import.ty,
            ComponentTypeDeclaration::Alias(alias) => {
                self.far += usize::from(is_of_type_around(alias, edge));
                return;
            }
            _ => return,
        };
        let kind = named.kind();
        self.instances +=
            usize::from(matches!(kind, ComponentExternalKind::Instance | ComponentExternalKind::Component));
    }
}

/// Whether it names a type so many levels around, or farther.
fn is_of_type_around(alias: &ComponentAlias<'_>, levels: usize) -> bool {
    matches!(alias, ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, .. } if *count as usize >= levels)
}

/// What a function weighs for the compiler: how many values there may be at each of its branches, all branches together. Time
/// and memory grow with this and not with its bytes: 350 KB of it took two minutes and three gigabytes.
fn weight(body: &FunctionBody<'_>) -> Result<u64, BinaryReaderError> {
    /// What a block with a type of its own may take and give.
    const VALUES: u64 = 1_000;
    let mut locals = 0_u64;
    for group in body.get_locals_reader()? {
        locals = locals.saturating_add(u64::from(group?.0));
    }
    let (mut branches, mut values) = (0_u64, 0_u64);
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        match operators.read()? {
            Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                branches += 1;
                if matches!(blockty, BlockType::FuncType(_)) {
                    values = values.saturating_add(VALUES);
                }
            }
            Operator::Else | Operator::BrIf { .. } => branches += 1,
            Operator::BrTable { targets } => branches = branches.saturating_add(u64::from(targets.len())),
            _ => {}
        }
    }
    Ok(locals.saturating_mul(branches).saturating_add(values))
}

fn check_nesting(depth: usize) -> Result<(), Refusal> {
    if depth <= NESTING {
        return Ok(());
    }
    Err(invalid(format!("components or types stand within each other more than {NESTING} deep")))
}

fn invalid(text: String) -> Refusal {
    Refusal::new(Code::ComponentInvalid, text)
}

fn damaged(error: &BinaryReaderError) -> Refusal {
    let at = error.offset();
    invalid(if error.message().contains("unexpected end") {
        format!("the component ends at byte {at}, before it is complete")
    } else {
        format!("the component is damaged at byte {at}: {}", cut(error.message().to_owned(), 200))
    })
}
