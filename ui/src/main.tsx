import { render } from "preact";
import { App } from "./App";
import "./style/base.css";
import "./style/shell.css";
import "./style/controls.css";
import "./style/content.css";
import "./style/drawing.css";
import "./style/narrow.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
