//! Finds numbers that JSON cannot hold, by the path of their field.
//!
//! `serde_json` writes NaN as `null`, which in our documents means "absent"; a missing number and a number that went
//! wrong must not look alike, so documents are walked once before they are written.

use serde::ser::{self, Serialize};

/// Paths of all floating-point values that are NaN or infinite, such as `gates[2].interval[1]`, in document order.
///
/// # Errors
/// Only what a `Serialize` implementation itself reports.
pub(crate) fn non_finite<T: Serialize + ?Sized>(value: &T) -> Result<Vec<String>, std::fmt::Error> {
    let mut walk = Walk { path: Vec::new(), found: Vec::new() };
    value.serialize(&mut walk).map_err(|_: Refused| std::fmt::Error)?;
    Ok(walk.found)
}

struct Walk {
    path: Vec<String>,
    found: Vec<String>,
}

impl Walk {
    fn check(&mut self, finite: bool) {
        if !finite {
            let path = self.path.concat();
            self.found.push(path.strip_prefix('.').unwrap_or(&path).to_owned());
        }
    }

    fn enter<T: Serialize + ?Sized>(&mut self, step: String, value: &T) -> Result<(), Refused> {
        self.path.push(step);
        let result = value.serialize(&mut *self);
        self.path.pop();
        result
    }

    fn list(&mut self) -> List<'_> {
        List { walk: self, next: 0, key: String::new() }
    }
}

#[derive(Debug)]
struct Refused;

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value refused to be written")
    }
}

impl std::error::Error for Refused {}

impl ser::Error for Refused {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A compound value being walked: elements by their number, fields by their name.
struct List<'a> {
    walk: &'a mut Walk,
    next: usize,
    key: String,
}

impl List<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let step = format!("[{}]", self.next);
        self.next += 1;
        self.walk.enter(step, value)
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Refused> {
        self.walk.enter(format!(".{key}"), value)
    }
}

macro_rules! nothing_to_check {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, _: $kind) -> Result<(), Refused> { Ok(()) })*
    };
}

impl<'a> ser::Serializer for &'a mut Walk {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = List<'a>;
    type SerializeStructVariant = List<'a>;

    nothing_to_check!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32,
        serialize_i64: i64, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_char: char, serialize_str: &str, serialize_bytes: &[u8], serialize_unit_struct: &'static str);

    fn serialize_f32(self, value: f32) -> Result<(), Refused> {
        self.check(value.is_finite());
        Ok(())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Refused> {
        self.check(value.is_finite());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Refused> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        self.enter(format!(".{variant}"), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<List<'a>, Refused> {
        Ok(self.list())
    }
}

macro_rules! by_number {
    ($($kind:ident $method:ident),*) => { $(
        impl ser::$kind for List<'_> {
            type Ok = ();
            type Error = Refused;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.element(value)
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )* };
}
by_number!(SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);

macro_rules! by_name {
    ($($kind:ident),*) => { $(
        impl ser::$kind for List<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.field(key, value)
            }
            fn end(self) -> Result<(), Refused> {
                Ok(())
            }
        }
    )* };
}
by_name!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = Refused;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        // Only for the message: as JSON would write it, without the quotes.
        let key = serde_json::to_string(key).map_err(|_| Refused)?;
        self.key = key.trim_matches('"').to_owned();
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        let key = std::mem::take(&mut self.key);
        self.field(&key, value)
    }

    fn end(self) -> Result<(), Refused> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_hold_a_number_is_walked() {
        #[derive(serde::Serialize)]
        enum Kind {
            Named { x: f64 },
            Plain(f64),
            Pair(f64, f64),
        }
        let bad = f64::NAN;
        let value = (
            vec![Some(1.0), None, Some(bad)],
            Kind::Named { x: bad },
            Kind::Plain(bad),
            Kind::Pair(0.0, bad),
            f32::NEG_INFINITY,
        );
        let expected = ["[0][2]", "[1].x", "[2].Plain", "[3][1]", "[4]"];
        assert_eq!(non_finite(&value).unwrap(), expected);
    }
}
