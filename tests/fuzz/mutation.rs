//! Damage to the bytes of a file.

use gridgate_tests::Dice;

use crate::corpus::Sample;

/// What numbers are replaced with.
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "0.0",
    "1",
    "-1",
    "2",
    "3",
    "4",
    "5",
    "1e-12",
    "-1e-5",
    "1e-4",
    "0.5",
    "-0.25",
    "10",
    "100",
    "1e5",
    "-1e5",
    "nan",
    "NaN",
    "-nan",
    "inf",
    "Inf",
    "-inf",
    "1e308",
    "-1e308",
    "1e309",
    "1e-308",
    "5e-324",
    "1e-400",
    "1e20",
    "9999",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9007199254740993",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "",
    "-",
    "+",
    ".",
    "e",
    "1e",
    "0x10",
    "1_000",
    "1,5",
    "٣",
    "true",
    "null",
    "1d3",
    "'1'",
    "\"1\"",
];

/// Bytes that are rarely where they end up.
const BYTES: &[u8] = b"\0-+eE.;]['\n\r\t ,9%{}()\"/:<>&Nn\xff\x80\xc3\xef\xbb\xbf";

/// Damages one or a few of the files.
pub(crate) fn damage(dice: &mut Dice, sample: &Sample, others: &[Sample]) -> Vec<(String, Vec<u8>)> {
    let mut files = sample.files.clone();
    for _ in 0..if files.len() > 1 { 1 + dice.below(3) } else { 1 } {
        let at = dice.below(files.len());
        if sample.folder && dice.chance(0.03) {
            files.remove(at);
            if files.is_empty() {
                break;
            }
            continue;
        }
        let content = std::mem::take(&mut files[at].1);
        files[at].1 = damaged(dice, content, others);
    }
    files
}

fn damaged(dice: &mut Dice, mut content: Vec<u8>, others: &[Sample]) -> Vec<u8> {
    // Half of all files stay readable: only numbers change.
    let gentle = dice.chance(0.5);
    let mut rounds = 1;
    while rounds < 12 && dice.chance(0.6) {
        rounds += 1;
    }
    for _ in 0..rounds {
        if content.is_empty() {
            break;
        }
        if gentle || dice.chance(0.35) {
            content = other_number(dice, content);
            continue;
        }
        match dice.below(13) {
            0 => {
                let at = dice.below(content.len());
                content[at] ^= 1 << dice.below(8);
            }
            1 => {
                let at = dice.below(content.len());
                content[at] = *dice.pick(BYTES);
            }
            2 => {
                let at = dice.below(content.len() + 1);
                content.insert(at, *dice.pick(BYTES));
            }
            3 => {
                let at = dice.below(content.len());
                let end = (at + 1 + dice.below(40)).min(content.len());
                content.drain(at..end);
            }
            4 => content.truncate(dice.below(content.len())),
            5 => content = garbled(dice, content),
            6 => {
                // A piece of another file in the middle of this one.
                let other = dice.pick(others);
                let other = &dice.pick(&other.files).1;
                let from = dice.below(other.len());
                let piece = other[from..(from + dice.below(400)).min(other.len())].to_vec();
                let at = dice.below(content.len() + 1);
                content.splice(at..at, piece);
            }
            _ => content = other_lines(dice, &content),
        }
    }
    content
}

/// Lines left out, doubled, exchanged, moved in blocks.
fn other_lines(dice: &mut Dice, content: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = content.split_inclusive(|b| *b == b'\n').collect();
    let at = dice.below(lines.len());
    let block = at..(at + 1 + dice.below(30)).min(lines.len());
    match dice.below(6) {
        0 => {
            lines.remove(at);
        }
        1 => lines.insert(at, lines[at]),
        2 => {
            let other = dice.below(lines.len());
            lines.swap(at, other);
        }
        3 => {
            lines.drain(block);
        }
        4 => {
            let moved: Vec<&[u8]> = lines.drain(block).collect();
            let to = dice.below(lines.len() + 1);
            lines.splice(to..to, moved);
        }
        _ => {
            let copies: Vec<&[u8]> = lines[block].to_vec();
            let to = dice.below(lines.len() + 1);
            lines.splice(to..to, copies);
        }
    }
    lines.concat()
}

/// Another number in the place of one.
fn other_number(dice: &mut Dice, mut content: Vec<u8>) -> Vec<u8> {
    let from = dice.below(content.len());
    let is_digit = |b: &u8| b.is_ascii_digit();
    let Some(digit) = content[from..].iter().position(is_digit).map(|at| from + at) else { return content };
    let part = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    let start = content[..digit].iter().rposition(|b| !part(*b)).map_or(0, |at| at + 1);
    let end = content[digit..].iter().position(|b| !part(*b)).map_or(content.len(), |at| digit + at);
    let was = String::from_utf8_lossy(&content[start..end]).into_owned();
    let now = match (dice.below(4), was.parse::<f64>()) {
        (0, Ok(x)) => format!("{}", -x),
        (1, Ok(x)) => format!("{}", x * *dice.pick(&[0.1, 0.9, 1.1, 10.0, 1e3, 1e-3, 1e6, 1e-6])),
        (2, Ok(x)) => format!("{}", x + *dice.pick(&[1.0, -1.0])),
        _ => (*dice.pick(NUMBERS)).to_owned(),
    };
    content.splice(start..end, now.into_bytes());
    content
}

/// Another encoding, or none.
fn garbled(dice: &mut Dice, content: Vec<u8>) -> Vec<u8> {
    match dice.below(5) {
        0 => [b"\xef\xbb\xbf", &content[..]].concat(),
        1 => String::from_utf8_lossy(&content).encode_utf16().flat_map(u16::to_le_bytes).collect(),
        2 => String::from_utf8_lossy(&content).replace('\n', "\r\n").into_bytes(),
        3 => String::from_utf8_lossy(&content).replace('\n', "\r").into_bytes(),
        _ => {
            let at = dice.below(content.len());
            let noise: Vec<u8> = (0..1 + dice.below(64)).map(|_| dice.any() as u8).collect();
            [&content[..at], &noise, &content[at..]].concat()
        }
    }
}
