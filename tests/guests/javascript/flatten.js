// A value of the contract as one line of text, by the table in host/engine/src/conformance.rs. It goes by
// the shapes that values of the contract have in JavaScript, so it needs to know no type by name.

/** Flattens any value of the contract. */
export function flatten(value) {
  if (value === null || value === undefined) {
    return "-"; // An option without a value.
  }
  if (Array.isArray(value) || value instanceof Uint8Array) {
    return `[${Array.from(value, flatten).join(" ")}]`;
  }
  if (typeof value !== "object") {
    return String(value); // Text, a number, a boolean, or the name of an enum's case.
  }
  if (isVariant(value)) {
    return value.val === undefined ? value.tag : `${value.tag}:${flatten(value.val)}`;
  }
  return `(${Object.values(value).map(flatten).join(" ")})`;
}

// Variants and results are {tag, val}. A record may have a field `tag` too, but always another one with it.
function isVariant(value) {
  return "tag" in value && Object.keys(value).every((key) => key === "tag" || key === "val");
}
