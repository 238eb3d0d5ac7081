//! Writes all rounds but the first in assembly for `avx2` and `avx512`, from the crate `rounds`.
//!
//! A compiler neither keeps the order of instructions nor finds a good one: it cannot know that the
//! processor starts more of them at once if their inputs were computed long before. AVX-512 has
//! registers for two streams of vectors, which alternate. AVX2 has not even enough for one; its
//! operations are sorted by the length of the longest path to the result. `docs/cpu.md` has what
//! this gains.

use std::cmp::Reverse;
use std::path::Path;
use std::{env, fs};

use rounds::{INPUTS, Operation, record};

/// An instruction set, in the syntax of Intel.
struct InstructionSet {
    name: &'static str,
    /// The prefix of registers.
    register: &'static str,
    registers: usize,
    /// The length of a register in bytes.
    bytes: usize,
    streams: usize,
    load_or_store: &'static str,
    xor: &'static str,
    rotates: bool,
}

const AVX2: InstructionSet = InstructionSet {
    name: "avx2",
    register: "ymm",
    registers: 16,
    bytes: 32,
    streams: 1,
    load_or_store: "vmovdqa",
    xor: "vpxor",
    rotates: false,
};

const AVX512: InstructionSet = InstructionSet {
    name: "avx512",
    register: "zmm",
    registers: 32,
    bytes: 64,
    streams: 2,
    load_or_store: "vmovdqa64",
    xor: "vpxord",
    rotates: true,
};

/// The number of operations by which a stream is behind the one before it, so that their rotations,
/// for which there is one port, do not meet.
const LAG: usize = 4;

/// Numbers of values between operations begin here, above those of all operations.
const BETWEEN: usize = 10_000;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let directory = env::var_os("OUT_DIR").expect("Cargo sets OUT_DIR");
    for set in [AVX2, AVX512] {
        let path = Path::new(&directory).join(set.name).with_extension("s");
        fs::write(path, assembly(&set)).expect("Cargo created OUT_DIR");
    }
}

/// A value of a stream: an input or a result of an operation, by the numbers of [`Operation`], or,
/// above them, a value in between.
type Value = (usize, usize);

/// An instruction whose last operand may be text: a place in memory or a constant.
struct Instruction {
    name: &'static str,
    result: Value,
    sources: Vec<Value>,
    text: Option<String>,
}

/// Returns the operations of all streams as instructions, in order.
fn program(set: &InstructionSet) -> Vec<Instruction> {
    let operations = record(|recorder, v, m| rounds::top_word_after_first(recorder, v, m));
    let mut order: Vec<usize> = (0..operations.len()).collect();
    if set.streams == 1 {
        let mut path_lengths = vec![0; INPUTS + operations.len()];
        for (i, operation) in operations.iter().enumerate().rev() {
            for operand in operation.operands() {
                path_lengths[operand] = path_lengths[operand].max(path_lengths[INPUTS + i] + 1);
            }
        }
        order.sort_by_key(|&i| Reverse(path_lengths[INPUTS + i]));
    }
    let mut streams: Vec<(usize, usize, usize)> = (0..set.streams)
        .flat_map(|stream| {
            (0..)
                .zip(&order)
                .map(move |(at, &i)| (at + LAG * stream, stream, i))
        })
        .collect();
    streams.sort_unstable();
    streams
        .into_iter()
        .flat_map(|(_, stream, i)| instructions(set, stream, INPUTS + i, operations[i]))
        .collect()
}

fn instructions(
    set: &InstructionSet,
    stream: usize,
    number: usize,
    operation: Operation,
) -> Vec<Instruction> {
    let value = |number| (stream, number);
    let one = |name, a, text: String| Instruction {
        name,
        result: value(number),
        sources: vec![value(a)],
        text: Some(text),
    };
    let two = |name, a, b| Instruction {
        name,
        result: value(number),
        sources: vec![value(a), value(b)],
        text: None,
    };
    match operation {
        Operation::Add(a, word @ 16..INPUTS) => {
            let at = ((word - 16) * set.streams + stream) * set.bytes;
            vec![one("vpaddd", a, format!("[{{m}} + {at}]"))]
        }
        Operation::Add(a, b) => vec![two("vpaddd", a, b)],
        Operation::Xor(a, b) => vec![two(set.xor, a, b)],
        Operation::Rotate(bits, a) if set.rotates => vec![one("vprord", a, bits.to_string())],
        Operation::Rotate(8, a) => vec![one("vpshufb", a, "[{rotations}]".to_owned())],
        Operation::Rotate(16, a) => vec![one(
            "vpshufb",
            a,
            format!("[{{rotations}} + {}]", set.bytes),
        )],
        Operation::Rotate(bits, a) => {
            let [low, high] = [1, 2].map(|half| number + half * BETWEEN);
            let shift = |name, result, bits: u32| Instruction {
                result: value(result),
                ..one(name, a, bits.to_string())
            };
            vec![
                shift("vpsrld", low, bits),
                shift("vpslld", high, 32 - bits),
                two("vpor", low, high),
            ]
        }
    }
}

/// The places of values at some point of a program.
struct Places<'a> {
    set: &'a InstructionSet,
    program: &'a [Instruction],
    /// The value in each register.
    registers: Vec<Option<Value>>,
    /// The value in the memory that the kernel has for one without a register.
    spilled: Option<Value>,
    lines: Vec<String>,
}

/// Returns the program. Value `i` of the state of a stream comes in register `16 * stream + i`; the
/// result of the stream is left in the first of them.
fn assembly(set: &InstructionSet) -> String {
    let program = program(set);
    let state = |register| Some((register / 16, register % 16));
    let mut places = Places {
        set,
        program: &program,
        registers: (0..set.registers).map(state).collect(),
        spilled: None,
        lines: Vec::new(),
    };
    for at in 0..program.len() {
        places.write_instruction(at);
    }
    places.lines.join("\n")
}

impl Places<'_> {
    /// Writes the instruction at this index, with loads and stores of values without a register.
    fn write_instruction(&mut self, at: usize) {
        let instruction = &self.program[at];
        // Of two sources the last may be in memory.
        let mut sources = instruction.sources.clone();
        sources.sort_by_key(|&source| self.register(source).is_none());
        if self.register(sources[0]).is_none() {
            let register = self.free_register(at);
            let operands = [self.name(register), self.place(sources[0])];
            self.write(self.set.load_or_store, &operands);
            self.registers[register] = Some(sources[0]);
        }
        let mut operands: Vec<String> = sources.iter().map(|&source| self.place(source)).collect();
        operands.extend(instruction.text.clone());

        let places = self.registers.iter_mut().chain([&mut self.spilled]);
        for place in places {
            place.take_if(|value| next_use(self.program, *value, at + 1).is_none());
        }
        let (stream, number) = instruction.result;
        let register = if number == self.program[self.program.len() - 1].result.1 {
            16 * stream
        } else {
            self.free_register(at + 1)
        };
        let before = self.registers[register].replace(instruction.result);
        assert!(
            before.is_none(),
            "another value is in the register of the result"
        );
        operands.insert(0, self.name(register));
        self.write(instruction.name, &operands);
    }

    /// Returns a register without a value, after a store if there is none.
    fn free_register(&mut self, at: usize) -> usize {
        if let Some(free) = self.registers.iter().position(Option::is_none) {
            return free;
        }
        let next = |value: &Option<Value>| value.map(|value| next_use(self.program, value, at));
        let registers = self.registers.iter().enumerate();
        let used_last = registers.max_by_key(|(_, value)| next(value));
        let (register, _) = used_last.expect("some registers");
        let value = self.registers[register].take();
        if self.spilled != value {
            assert!(
                self.spilled.is_none(),
                "the kernel has memory for one value"
            );
            self.spilled = value;
            let operands = ["[{spilled}]".to_owned(), self.name(register)];
            self.write(self.set.load_or_store, &operands);
        }
        register
    }

    fn register(&self, value: Value) -> Option<usize> {
        self.registers.iter().position(|&held| held == Some(value))
    }

    fn name(&self, register: usize) -> String {
        format!("{}{register}", self.set.register)
    }

    /// Returns the register or memory of a value.
    fn place(&self, value: Value) -> String {
        self.register(value).map_or_else(
            || {
                assert_eq!(self.spilled, Some(value), "a value is in one of both");
                "[{spilled}]".to_owned()
            },
            |register| self.name(register),
        )
    }

    fn write(&mut self, name: &str, operands: &[String]) {
        let line = format!("{name} {}", operands.join(", "));
        self.lines.push(line);
    }
}

/// Returns the index of the next instruction from `at` that uses the value; the program's length
/// for the result of a stream, which is used after the end.
fn next_use(program: &[Instruction], value: Value, at: usize) -> Option<usize> {
    let uses = |instruction: &Instruction| instruction.sources.contains(&value);
    let end = (value.1 == program[program.len() - 1].result.1).then_some(program.len());
    program[at..]
        .iter()
        .position(uses)
        .map(|after| at + after)
        .or(end)
}
