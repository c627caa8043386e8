/** Chat templates: a conversation as pieces of tokens and plain text. Whatever a message contains stays text. */
import { Template } from '@huggingface/jinja';
import { CheckpointError } from '../errors.ts';

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** A token that the text of a template may name, as tokenizer.json declares it. */
export interface AddedToken {
  id: number;
  content: string;
  lstrip?: boolean;
  rstrip?: boolean;
  special?: boolean;
}

/** What a template is rendered with: the special tokens that tokenizer_config.json names; `path` is for messages of errors. */
export interface ChatSettings {
  config: Readonly<Record<string, unknown>>;
  addedTokens: readonly AddedToken[];
  path: string;
}

export type ChatPiece = { token: number } | { text: string };

/**
 * The rendered conversation up to where the assistant begins, cut at the special tokens of the *template*. Message contents stand in for
 * themselves only after the cut, so a special-token string in them stays text; for other contents the pieces encode to
 * what tokenizing the whole rendering gives. Throws CheckpointError when the template refuses the conversation.
 */
export function chatPieces(template: string, messages: readonly ChatMessage[], settings: ChatSettings): ChatPiece[] {
  const contents = messages.map(({ content }) => content.trim());
  const rendered = renderChat(
    template,
    messages.map((message, i) => ({ ...message, content: standInFor(message.content, i) })),
    settings,
  );
  return cutAtTokens(rendered, settings.addedTokens).flatMap((piece): ChatPiece[] => {
    if ('token' in piece) return [piece];
    const text = piece.text.replace(standIn, (_, index: string) => contents[Number(index)]);
    return text === '' ? [] : [{ text }];
  });
}

/** Some templates state today's date; a prompt must not depend on the day it is written. The empty expression keeps the template's first newline. */
const fixedDate = "{% macro strftime_now(format) %}01 Jan 2026{% endmacro %}{{ '' }}";

/** The conversation as one string, for people and comparisons: never tokenize it when strangers wrote the contents. */
export function renderChat(
  template: string,
  messages: readonly ChatMessage[],
  { config, path }: Pick<ChatSettings, 'config' | 'path'>,
): string {
  const tokens = Object.entries(config).flatMap(([key, value]) => {
    const token = key.endsWith('_token') ? tokenString(value) : undefined;
    return token === undefined ? [] : [[key, token]];
  });
  try {
    return new Template(fixedDate + template).render({
      ...Object.fromEntries(tokens),
      messages,
      add_generation_prompt: true,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError({
      path,
      problem: `its chat template refuses the conversation: ${reason}`,
      remedy: 'use an instruction-tuned model whose template takes a system and a user message',
      cause,
    });
  }
}

/** The string of a token in tokenizer_config.json, where it stands alone or as {content}. */
export function tokenString(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const content = typeof value === 'object' && value !== null && 'content' in value ? value.content : undefined;
  return typeof content === 'string' ? content : undefined;
}

/** Noncharacters: no text that people exchange holds them, and `standInFor` lets none through. */
const standIn = /\uFDD0(\d+)\uFDD1/gu;

/** White space around a content stays around its stand-in: templates trim it. */
function standInFor(content: string, index: number): string {
  const core = content.trim();
  return core === '' ? content : content.replace(core, () => `\uFDD0${index}\uFDD1`);
}

/** What regular expressions read as syntax. */
const syntax = /[\\^$.*+?()[\]{}|/]/gu;

/** Longest token first at each place; `lstrip` and `rstrip` tokens take the white space beside them. */
function cutAtTokens(text: string, tokens: readonly AddedToken[]): ChatPiece[] {
  const longestFirst = tokens
    .filter(({ content }) => content !== '')
    .toSorted((a, b) => b.content.length - a.content.length);
  if (longestFirst.length === 0) return [{ text }];
  const byContent = new Map(longestFirst.map((token) => [token.content, token]));
  const pattern = new RegExp(`(${longestFirst.map(({ content }) => content.replace(syntax, '\\$&')).join('|')})`, 'u');
  const pieces = text.split(pattern);
  return pieces.map((piece, i): ChatPiece => {
    const token = i % 2 === 1 ? byContent.get(piece) : undefined;
    if (token) return { token: token.id };
    const trimmedEnd = byContent.get(pieces[i + 1] ?? '')?.lstrip ? piece.trimEnd() : piece;
    return { text: byContent.get(pieces[i - 1] ?? '')?.rstrip ? trimmedEnd.trimStart() : trimmedEnd };
  });
}
