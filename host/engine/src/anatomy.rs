//! What a component is made of, read from its bytes in one pass before anything is validated or compiled. Each number and
//! each text taken from it is bounded here, because nobody else has looked at it yet.

use mynah_model::refusal::{Code, Refusal};
use wasmparser::{
    BinaryReader, BinaryReaderError, BlockType, ComponentExternalKind, ComponentInstance, ComponentType,
    ComponentTypeDeclaration, ComponentTypeRef, Encoding, FunctionBody, Operator, Parser, Payload,
    TypeBounds,
};

use crate::fault::cut;
use crate::limits::{CODE_WEIGHT, FUNCTION_WEIGHT, IMPORT_NAME, IMPORTS, NESTING};

/// What is known of a component before it is compiled.
pub(crate) struct Anatomy {
    /// The names of what it imports, in its own order.
    pub(crate) imports: Vec<String>,
    /// How many instances of components, and instances within instances, are written in it and in those within it. Each may
    /// stand for many: the number of places says how many at most.
    pub(crate) instances: usize,
    /// What its functions weigh; see [`weight`].
    weight: u64,
}

impl Anatomy {
    /// Reads a component. Also finds what is not one, or not all of one.
    ///
    /// # Errors
    /// `component.invalid`, `limit.size`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        if !bytes.starts_with(b"\0asm") {
            let text = if bytes.is_empty() { "the file is empty" } else { "the file is not WebAssembly" };
            return Err(invalid(text.to_owned()));
        }
        let mut anatomy = Self { imports: Vec::new(), instances: 0, weight: 0 };
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| damaged(&error))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(invalid(
                        "the file is a plain WebAssembly module, not a component".to_owned(),
                    )
                    .hint("build it for wasm32-wasip2, or with `mynah build`"));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth += 1;
                    check_nesting(depth as usize)?;
                }
                Payload::CodeSectionEntry(body) => {
                    anatomy.function(weight(&body).map_err(|error| damaged(&error))?)?;
                }
                Payload::ComponentTypeSection(section) => {
                    let range = section.range();
                    let types = bytes.get(range.clone()).unwrap_or_default();
                    anatomy.types(BinaryReader::new(types, range.start))?;
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        let import = import.map_err(|error| damaged(&error))?;
                        // A type that the world names (`event`) stands among the imports and asks for nothing.
                        if !matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_))) {
                            anatomy.import(import.name.name)?;
                        }
                    }
                }
                Payload::ComponentInstanceSection(section) => {
                    for instance in section {
                        let instance = instance.map_err(|error| damaged(&error))?;
                        anatomy.instances += match instance {
                            ComponentInstance::Instantiate { .. } => 1,
                            ComponentInstance::FromExports(exports) => {
                                exports.iter().filter(|export| unfolds(export.kind)).count()
                            }
                        };
                    }
                }
                Payload::ComponentExportSection(section) => {
                    for export in section {
                        let export = export.map_err(|error| damaged(&error))?;
                        anatomy.instances += usize::from(unfolds(export.kind));
                    }
                }
                _ => {}
            }
        }
        Ok(anatomy)
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

    /// Walks a section of types. The parser follows types within types by calling itself, so that some kilobytes of them
    /// take all of a thread's stack: here each level is a number in a list.
    fn types(&mut self, mut section: BinaryReader<'_>) -> Result<(), Refusal> {
        self.walk_types(&mut section).map_err(|error| damaged(&error))?
    }

    fn walk_types(
        &mut self,
        section: &mut BinaryReader<'_>,
    ) -> Result<Result<(), Refusal>, BinaryReaderError> {
        /// What stands before the declarations of a component's or an instance's type, and before a type among them.
        const COMPONENT: u8 = 0x41;
        const INSTANCE: u8 = 0x42;
        const TYPE: u8 = 0x01;
        let peek = |section: &BinaryReader<'_>| section.clone().read_u8();
        // How many types or declarations are still to come, on each level.
        let mut left = vec![section.read_var_u32()?];
        while let Some(here) = left.last_mut() {
            let Some(fewer) = here.checked_sub(1) else {
                left.pop();
                continue;
            };
            *here = fewer;
            if left.len() > 1 {
                if peek(section)? != TYPE {
                    let declaration = section.read::<ComponentTypeDeclaration<'_>>()?;
                    self.instances += usize::from(declares_instance(&declaration));
                    continue;
                }
                section.read_u8()?;
            }
            if matches!(peek(section)?, COMPONENT | INSTANCE) {
                section.read_u8()?;
                left.push(section.read_var_u32()?);
                if let Err(refusal) = check_nesting(left.len()) {
                    return Ok(Err(refusal));
                }
            } else {
                section.read::<ComponentType<'_>>()?;
            }
        }
        Ok(Ok(()))
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

/// Whether a type speaks of an instance within what it describes.
fn declares_instance(declaration: &ComponentTypeDeclaration<'_>) -> bool {
    let ty = match declaration {
        ComponentTypeDeclaration::Export { ty, .. } => ty,
        ComponentTypeDeclaration::Import(import) => &import.ty,
        _ => return false,
    };
    unfolds(ty.kind())
}

/// Whether there may be anything in such an item.
fn unfolds(kind: ComponentExternalKind) -> bool {
    matches!(kind, ComponentExternalKind::Instance | ComponentExternalKind::Component)
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
