//! What an overhead conductor may carry, for a terminal.

use crate::rating::RatingStudy;

/// The rating first, then all that it rests on.
pub fn text(study: &RatingStudy) -> String {
    let (conductor, weather, balance) = (&study.conductor, &study.weather, &study.balance);
    let mut out = format!(
        "{}: {:.1} A keep it at {} deg C, in air of {} deg C with {} m/s of wind at {} degrees\n",
        conductor.name,
        study.rating_a,
        study.conductor_c,
        weather.ambient_c,
        weather.wind_m_s,
        weather.wind_angle_deg
    );
    if study.rating_a == 0.0 {
        out.push_str("The weather alone heats it that far: nothing may flow.\n");
    }
    if let Some(loaded) = &study.loaded {
        let ends = loaded
            .steady_c
            .map_or_else(|| "melt it".to_owned(), |steady_c| format!("take it to {steady_c:.2} deg C"));
        out.push_str(&format!("{} A {ends}\n", loaded.current_a));
        if let Some(before_c) = loaded.before_c {
            out.push_str(&format!("{:>10}  {before_c:.2} deg C\n", "before"));
        }
        for point in &loaded.course {
            out.push_str(&format!("{:>8} s  {:.2} deg C\n", point.after_s, point.conductor_c));
        }
    }
    let [(cool_c, cool), (warm_c, warm)] = conductor.resistance_ohm_m;
    out.push_str(&format!(
        "\nconductor: {}\n  diameter {} mm, {cool:.4e} ohm/m at {cool_c} deg C, {warm:.4e} at {warm_c}, emissivity {}, absorptivity {}\n",
        conductor.source, conductor.diameter_mm, conductor.emissivity, conductor.absorptivity
    ));
    out.push_str("heat, W/m:\n");
    for (what, value) in [
        ("natural convection", balance.q_cn_w_m),
        ("forced convection, low wind", balance.q_c1_w_m),
        ("forced convection, high wind", balance.q_c2_w_m),
        ("radiation", balance.q_r_w_m),
        ("sun", balance.q_s_w_m),
    ] {
        out.push_str(&format!("  {what:<28} {value:>8.2}\n"));
    }
    out.push_str(&format!("resistance {:.4e} ohm/m\n", balance.resistance_ohm_m));
    if let Some(sun) = &weather.sun {
        out.push_str(&format!(
            "sun: {:.2} degrees high at azimuth {:.2}, {:.1} W/m2 ({} air, latitude {}, day {}, {} h, line towards {})\n",
            sun.altitude_deg,
            sun.azimuth_deg,
            sun.irradiance_w_m2,
            sun.atmosphere,
            sun.latitude_deg,
            sun.day,
            sun.hour,
            sun.line_azimuth_deg
        ));
    }
    out
}
